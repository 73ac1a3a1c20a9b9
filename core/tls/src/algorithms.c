/* SPDX-License-Identifier: AGPL-3.0-only */
/* All algorithms of core/crypto. In a file of its own: naming it links them all. */
#include "wb_x509.h"

const struct wb_x509_algorithm *const wb_x509_algorithms[] = {&wb_x509_ed25519, &wb_x509_p256,
                                                              &wb_x509_rsa, NULL};
