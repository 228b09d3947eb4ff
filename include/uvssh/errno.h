/* errno.h: 0, a libuv code passed through, or one of these. */
#ifndef UVSSH_ERRNO_H
#define UVSSH_ERRNO_H

#include <stddef.h>
#include <uv.h>

#include "uvssh/version.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UVSSH_ERRNO_MAP(XX)                                                   \
  XX(EVERSION,    -5001, "peer does not speak SSH 2.0")                       \
  XX(EPACKET,     -5002, "malformed packet")                                  \
  XX(EMAC,        -5003, "packet failed authentication")                      \
  XX(EMESSAGE,    -5004, "malformed message")                                 \
  XX(EUNEXPECTED, -5005, "message not allowed now")                           \
  XX(ENOALGO,     -5006, "no algorithm in common")                            \
  XX(EKEX,        -5007, "key exchange failed")                               \
  XX(EHOSTKEY,    -5008, "host key refused")                                  \
  XX(EAUTH,       -5009, "authentication refused")                            \
  XX(EPARTIAL,    -5010, "one more authentication method is needed")          \
  XX(EDISCONNECT, -5011, "peer disconnected")                                 \
  XX(EOPEN,       -5012, "peer refused to open the channel")                  \
  XX(EREQUEST,    -5013, "peer refused the request")                          \
  XX(EKEYFORMAT,  -5014, "unreadable key")                                    \
  XX(EPASSPHRASE, -5015, "wrong or missing passphrase")                       \
  XX(ELIMIT,      -5016, "configured limit reached")                          \
  XX(ECRYPTO,     -5017, "crypto backend failed")                             \
  XX(ENOBANNER,   -5018, "peer closed before it said who it is")              \
  XX(ESERVICE,    -5019, "no such service")                                   \
  XX(ECOMPRESSION, -5020, "malformed compressed data")

enum {
#define XX(name, value, text) UVSSH_##name = value,
  UVSSH_ERRNO_MAP(XX)
#undef XX
  UVSSH_ERRNO_LAST = -5999
};

/**
 * What a code means, in words. Also answers libuv's codes and 0.
 *
 * return  static text; "unknown error" for a number that is no code
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN const char* uvssh_strerror(int err);

/**
 * The name of a code: "UVSSH_EMAC", "UV_EPIPE"; "0" for success.
 *
 * return  static text; "UNKNOWN" for a number that is no code
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN const char* uvssh_err_name(int err);

/**
 * Use other functions for every allocation of the library itself.
 *
 * libuv, libsodium and mbedTLS keep their own. Blocks obtained before are
 * freed by the new functions: call it before anything else. They are called
 * from any thread.
 *
 * return  0; UV_EINVAL when one of them is NULL
 * thread  before any other call      since 0.1
 */
UVSSH_EXTERN int uvssh_replace_allocator(uv_malloc_func malloc_func,
                                         uv_realloc_func realloc_func,
                                         uv_calloc_func calloc_func,
                                         uv_free_func free_func);

/**
 * Text that is safe on one line of a terminal or a log.
 *
 * Printable ASCII and well-formed UTF-8 stay; control characters (C0, DEL, C1),
 * the backslash, direction overrides and stray bytes become \n, \xNN or \u{N}.
 * Never ends in half a character: what does not fit is cut.
 *
 * out     size bytes; always ends in NUL where size > 0
 * text    copied; not NULL
 * return  out
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN char* uvssh_escape(char* out, size_t size, const char* text);

#ifdef __cplusplus
}
#endif
#endif
