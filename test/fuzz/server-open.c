/* server-open.c: a fuzz target: a server whose client has logged in.
 * The input: world.h.
 */
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return world_run(1, AT_OPEN, data, size);
}
