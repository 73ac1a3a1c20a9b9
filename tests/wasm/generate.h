/* SPDX-License-Identifier: AGPL-3.0-only */
/* generate.h: random valid modules for comparing engines.
 * Shape    one call makes one module from a seed; the same seed makes the same module
 * Promise  all exported functions have no parameters and give integers only; every run ends (a
 *          budget in a global is spent by calls and loops); results do not depend on what the
 *          specification leaves open (the bits of a NaN are replaced before anybody sees them)
 */
#ifndef WB_TEST_WASM_GENERATE_H
#define WB_TEST_WASM_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#define GENERATE_MAX (256u * 1024u)

/* Writes the module for this seed into buf (GENERATE_MAX bytes) and returns its length. */
size_t generate_module(uint64_t seed, uint8_t *buf);

#endif
