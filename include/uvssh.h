/* uvssh: SSH 2 servers and clients on libuv. Include only this.
 *
 * Rules that hold everywhere, said once:
 * - 0 or a negative code. Non-zero: nothing started, nothing kept, no callback.
 *   Zero: the callback comes exactly once, from the loop, never in the call.
 * - Memory of objects (server, session, channel, transport) and requests is
 *   yours, zeroed before its first use, and stays where it is. A zeroed object
 *   is "not open": every call on it is a clean error; one in use is UV_EBUSY.
 *   `data` is never touched.
 * - on_close is the last callback of a session or channel, exactly once, who-
 *   ever ended it; in it the memory is yours again (free it, or start anew).
 *   A session's comes after those of its channels, a server's close callback
 *   after those of its sessions. Closing is allowed in any callback and twice;
 *   after it only UV_ECANCELED for what is pending, and on_close, still come.
 * - Ownership has five words: copied (yours again at return), lent (hands off
 *   until the callback that is named), kept (we hold a reference), given (ours
 *   now), shown (ours; valid during this callback only). Structs and tables you
 *   pass are copied unless a comment says otherwise; what a callback shows is
 *   shown.
 * - Text from the peer ends in NUL and holds none before (a message that
 *   breaks this is refused before you are asked), but any other byte may
 *   occur: uvssh_escape() before it meets a terminal or a log. No pointer to
 *   text is NULL unless a comment says so. Ports are 0..65535.
 * - Everything belongs to the loop's thread, except keys and handles, which any
 *   thread may use, and functions that touch no object.
 * - The library keeps nothing open in a loop that has no server and no session
 *   of ours left, and no clock of a test's: uv_loop_close() then succeeds. */
#ifndef UVSSH_H
#define UVSSH_H

#include "uvssh/version.h"
#include "uvssh/errno.h"
#include "uvssh/types.h"
#include "uvssh/key.h"
#include "uvssh/clock.h"
#include "uvssh/config.h"
#include "uvssh/transport.h"
#include "uvssh/session.h"
#include "uvssh/reply.h"
#include "uvssh/channel.h"
#include "uvssh/group.h"
#include "uvssh/server.h"
#include "uvssh/known_hosts.h"
#include "uvssh/client.h"
#include "uvssh/handle.h"
#include "uvssh/loops.h"

#endif
