/* client-open.c: a fuzz target: a client that has logged in.
 * The input: world.h.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return world_run(0, AT_OPEN, data, size);
}
