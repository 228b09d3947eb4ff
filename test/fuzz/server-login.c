/* server-login.c: a fuzz target: a server behind its first key exchange.
 * The input: world.h.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return world_run(1, AT_LOGIN, data, size);
}
