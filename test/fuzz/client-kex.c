/* client-kex.c: a fuzz target: a client from the first KEXINIT on, in clear.
 * The input: world.h.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return world_run(0, AT_KEX, data, size);
}
