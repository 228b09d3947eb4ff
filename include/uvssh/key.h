/* key.h: keys, which any thread may use.
 *
 * A key is immutable and reference counted. It is made with one reference,
 * which is yours: give it back with uvssh_key_unref(). */
#ifndef UVSSH_KEY_H
#define UVSSH_KEY_H

#include "uvssh/types.h"
#include "uvssh/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  UVSSH_KEY_ED25519 = 1,           /* ssh-ed25519; bits: 256 */
  UVSSH_KEY_ECDSA,                 /* ecdsa-sha2-nistp*; bits: 256, 384, 521 */
  UVSSH_KEY_RSA                    /* ssh-rsa, signs with rsa-sha2-*; bits: */
                                   /* 3072, or an even number from 2048 to */
                                   /* 8192 */
} uvssh_key_type;

/**
 * Make a new key pair.
 *
 * RSA takes seconds: in a loop's program call it before uv_run() or in
 * uv_queue_work().
 *
 * key     out; one reference, yours; untouched on failure
 * bits    0 for the first size that the type names
 * return  0; UV_EINVAL; UV_ENOMEM; UVSSH_ECRYPTO
 * thread  any      inside callbacks: yes
 *         RFC 8709, RFC 5656, RFC 8332      since 0.1
 */
UVSSH_EXTERN int uvssh_key_generate(uvssh_key_t** key,
                                    uvssh_key_type type,
                                    unsigned bits);

/**
 * Read a key file: OpenSSH's private key format, or a line of a .pub file.
 *
 * Blocks on the disk: call it before uv_run() or in uv_queue_work(). The file
 * is at most 64 KiB.
 *
 * key         out; one reference, yours; untouched on failure
 * path        copied
 * passphrase  copied; NULL: none. Encrypted files are not read yet
 * return      0; UV_ENOENT, UV_EACCES, ...; UVSSH_EKEYFORMAT;
 *             UVSSH_EPASSPHRASE the file is encrypted; UV_EINVAL; UV_ENOMEM;
 *             UVSSH_ECRYPTO
 * thread      any      inside callbacks: no, it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_key_load(uvssh_key_t** key,
                                const char* path,
                                const char* passphrase);

/**
 * Write the private key to a new file, mode 0600, in OpenSSH's format.
 *
 * Blocks. The file must not exist: UV_EEXIST. A failure leaves none. It is made
 * complete beside its place and linked there (a file system with hard links).
 *
 * key         has a secret, else UV_EINVAL
 * path        copied
 * passphrase  NULL; encrypted files are not written yet: UV_ENOTSUP
 * return      0; UV_EEXIST, UV_EACCES, UV_ENOSPC, ...; UV_ENOTSUP its secret is
 *             elsewhere; UV_ENOMEM
 * thread      any      inside callbacks: no, it blocks      since 0.1
 */
UVSSH_EXTERN int uvssh_key_save(const uvssh_key_t* key,
                                const char* path,
                                const char* passphrase);

/**
 * Read a key from memory; the same formats as uvssh_key_load().
 *
 * key         out; one reference, yours; untouched on failure
 * text        copied; len bytes, need not end in NUL
 * passphrase  as uvssh_key_load()
 * return      0; UVSSH_EKEYFORMAT; UVSSH_EPASSPHRASE; UV_EINVAL; UV_ENOMEM;
 *             UVSSH_ECRYPTO
 * thread      any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_key_parse(uvssh_key_t** key,
                                 const char* text,
                                 size_t len,
                                 const char* passphrase);

/* Sign these bytes with this algorithm ("ssh-ed25519", "rsa-sha2-512"), now or
 * later: answer with uvssh_reply_signature() or uvssh_reply_reject(). On the
 * loop's thread; data is shown. */
typedef void (*uvssh_sign_cb)(void* arg,
                              const char* algorithm,
                              const uv_buf_t* data,
                              uvssh_reply_t reply);

/**
 * A key whose secret is elsewhere: in a card, an HSM, another process.
 *
 * Clients log in with it. As a host key it is refused (UV_ENOTSUP), and it
 * cannot be saved.
 *
 * key          out; one reference, yours; untouched on failure
 * public_half  its blob is copied
 * sign         lent until release
 * release      called once, with arg, when the last reference goes, on the
 *              thread that gives it back; may be NULL
 * return       0; UV_EINVAL; UV_ENOMEM
 * thread       any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_key_external(uvssh_key_t** key,
                                    const uvssh_key_t* public_half,
                                    uvssh_sign_cb sign,
                                    void* arg,
                                    void (*release)(void* arg));

/** 1 when the key can sign (an external one, too), 0 when it is a public half.
 * Any thread. */
UVSSH_EXTERN int uvssh_key_has_secret(const uvssh_key_t* key);

/** 1 when the public halves are the same. Any thread; NULL equals nothing. */
UVSSH_EXTERN int uvssh_key_equal(const uvssh_key_t* a, const uvssh_key_t* b);

/** The type's name as its blob has it, "ssh-ed25519", "ecdsa-sha2-nistp256",
 * "ssh-rsa": static text. Any thread. */
UVSSH_EXTERN const char* uvssh_key_name(const uvssh_key_t* key);

/**
 * The public half as on the wire.
 *
 * len     out, bytes
 * return  bytes that live as long as the key
 * thread  any      inside callbacks: yes      RFC 4253 6.6      since 0.1
 */
UVSSH_EXTERN const uint8_t* uvssh_key_blob(const uvssh_key_t* key, size_t* len);

/**
 * "SHA256:..." as ssh-keygen prints it.
 *
 * out     *len bytes of room; ends in NUL
 * len     in: room; out: length without NUL, or with UV_ENOBUFS the room that
 *         is needed (as uv_cwd())
 * return  0; UV_ENOBUFS; UV_EINVAL; UV_ENOMEM
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_key_fingerprint(const uvssh_key_t* key,
                                       char* out,
                                       size_t* len);

/**
 * "ssh-ed25519 AAAA..." as in authorized_keys and .pub files, no line end.
 *
 * out, len, return  as uvssh_key_fingerprint()
 * thread  any      inside callbacks: yes      since 0.1
 */
UVSSH_EXTERN int uvssh_key_public_line(const uvssh_key_t* key,
                                       char* out,
                                       size_t* len);

/** One reference more; returns key. Any thread. NULL is fine. */
UVSSH_EXTERN uvssh_key_t* uvssh_key_ref(uvssh_key_t* key);

/** One reference less; the last wipes and frees. Any thread. NULL is fine. */
UVSSH_EXTERN void uvssh_key_unref(uvssh_key_t* key);

#ifdef __cplusplus
}
#endif
#endif
