/* carry.h: standard input, output and error on a channel, for exec.c. */
#ifndef CARRY_H
#define CARRY_H

#include <uvssh.h>

/* The output could not be written: UV_EPIPE, UV_ENOSPC, ... From the loop. */
typedef void (*carry_cb)(int err);

/* Takes descriptors 0, 1 and 2. 0 or UV_*. */
int carry_init(uv_loop_t* loop, carry_cb on_failure);

/* The uvssh_read_cb of the channel: for uvssh_channel_read_start(). */
void carry_output(uvssh_channel_t* channel, int stream, ssize_t nread,
                  const uv_buf_t* buf);

/* From now on standard input is read. */
void carry_input(uvssh_channel_t* channel);

/* cb when all that the channel has shown is written: it may have closed while
 * the last piece is under way. Perhaps inside the call; the last cb counts. */
void carry_finish(void (*cb)(void));

/* Gives the descriptors back, now; nothing is carried any more. */
void carry_close(void);

#endif
