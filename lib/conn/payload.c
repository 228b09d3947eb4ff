/* payload.c: bytes that are copied once and sent to many channels. They belong
 * to one loop, so the count needs no atomics. */
#include "conn/conn.h"

int uvssh_payload_create(uvssh_payload_t** payload,
                         const void* base,
                         size_t len) {
  uvssh_payload_t* p;

  if (len > INT32_MAX || (base == NULL && len != 0))
    return UV_EINVAL;
  p = (uvssh_payload_t*) uvssh__malloc(sizeof(*p) + len);
  if (p == NULL)
    return UV_ENOMEM;
  p->refs = 1;
  p->len = len;
  if (len != 0)
    memcpy(p->data, base, len);
  *payload = p;
  return 0;
}

void uvssh_payload_unref(uvssh_payload_t* payload) {
  if (payload != NULL && --payload->refs == 0)
    uvssh__free(payload);
}
