/* reply.h: every answer, to whatever was asked.
 *
 * All of them: 0; UV_ECANCELED the question is answered or gone (harmless);
 * UV_EINVAL not an answer to this kind of question (it stays open), or called
 * on another thread than the loop's; UV_ENOMEM.
 * Thread: loop. Inside callbacks: yes. Since 0.1. */
#ifndef UVSSH_REPLY_H
#define UVSSH_REPLY_H

#include "uvssh/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Yes. Not to a channel: uvssh_channel_accept(). */
UVSSH_EXTERN int uvssh_reply_accept(uvssh_reply_t reply);

/** No, to anything. */
UVSSH_EXTERN int uvssh_reply_reject(uvssh_reply_t reply);

/** To an attempt: this factor is right, one of `methods` (UVSSH_AUTH_*) is
 * needed too. To a key that is not yet proven it means the same as accept:
 * yes, sign with it. RFC 4252 section 5.1. */
UVSSH_EXTERN int uvssh_reply_partial(uvssh_reply_t reply, unsigned methods);

/** To a PASSWORD attempt: choose a new one. form->instruction, or else
 * form->prompts[0].text, says why. Copied. RFC 4252 section 8. */
UVSSH_EXTERN int uvssh_reply_prompt(uvssh_reply_t reply,
                                    const uvssh_prompts_t* form);

/** To a form: one answer a prompt; copied, our copy is wiped. */
UVSSH_EXTERN int uvssh_reply_answers(uvssh_reply_t reply,
                                     const char* const answers[],
                                     unsigned count);

/** To a uvssh_sign_cb: the signature as on the wire (RFC 4253 section 6.6:
 * algorithm and blob). Copied. One that does not verify counts as a reject. */
UVSSH_EXTERN int uvssh_reply_signature(uvssh_reply_t reply,
                                       const void* signature,
                                       size_t len);

/** Who asked; NULL when it is answered or gone: the way back into your state.
 */
UVSSH_EXTERN uvssh_session_t* uvssh_reply_session(uvssh_reply_t reply);

#ifdef __cplusplus
}
#endif
#endif
