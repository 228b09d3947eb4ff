/* server-kex.c: a fuzz target: a server from the first KEXINIT on, in clear.
 * The input: world.h.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return world_run(1, AT_KEX, data, size);
}
