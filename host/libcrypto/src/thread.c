/* SPDX-License-Identifier: AGPL-3.0-only */
/* Contexts a thread, algorithms a process. Fetching an algorithm by name costs thousands of
 * instructions, and a context some allocations: both happen once. */
#include <openssl/bn.h>
#include <openssl/obj_mac.h>
#include <pthread.h>
#include <stdlib.h>

#include "libcrypto.h"

static pthread_once_t is_begun = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static struct algorithms algorithms;
static _Thread_local struct thread *current;

static void thread_free(void *memory)
{
    struct thread *t = memory;
    for (size_t id = 0; id < AEAD_COUNT; id++) {
        for (size_t i = 0; i < AEAD_SLOTS; i++) {
            EVP_CIPHER_CTX_free(t->aead[id][i].ctx); /* wipes its key schedule */
        }
    }
    EVP_MD_CTX_free(t->signature);
    EVP_PKEY_CTX_free(t->x25519);
    EVP_PKEY_CTX_free(t->ed25519);
    EVP_PKEY_CTX_free(t->ec);
    EC_GROUP_free(t->p256);
    BN_CTX_free(t->bn);
    wb_wipe(t, sizeof *t);
    free(t);
}

static void begin(void)
{
    static const char *const names[AEAD_COUNT] = {
        [WB_AEAD_AES_128_GCM] = "AES-128-GCM",
        [WB_AEAD_AES_256_GCM] = "AES-256-GCM",
        [WB_AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
    };
    for (size_t i = 0; i < AEAD_COUNT; i++) {
        algorithms.aead[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
        WB_ASSERT(algorithms.aead[i] != NULL);
    }
    WB_ASSERT(pthread_key_create(&at_thread_end, thread_free) == 0);
}

const struct algorithms *libcrypto_algorithms(void)
{
    (void)pthread_once(&is_begun, begin);
    return &algorithms;
}

static EVP_PKEY_CTX *key_maker(const char *name)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
    WB_ASSERT(ctx != NULL);
    WB_ASSERT(EVP_PKEY_fromdata_init(ctx) == 1);
    return ctx;
}

struct thread *libcrypto_thread(void)
{
    if (current != NULL) {
        return current;
    }
    (void)libcrypto_algorithms();
    struct thread *t = calloc(1, sizeof *t);
    WB_ASSERT(t != NULL);
    t->signature = EVP_MD_CTX_new();
    t->x25519 = key_maker("X25519");
    t->ed25519 = key_maker("ED25519");
    t->ec = key_maker("EC");
    t->p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    t->bn = BN_CTX_secure_new();
    WB_ASSERT(t->signature != NULL);
    WB_ASSERT(t->p256 != NULL);
    WB_ASSERT(t->bn != NULL);
    WB_ASSERT(pthread_setspecific(at_thread_end, t) == 0);
    current = t;
    return t;
}

void wb_libcrypto_thread_free(void)
{
    if (current == NULL) {
        return;
    }
    (void)pthread_setspecific(at_thread_end, NULL);
    thread_free(current);
    current = NULL;
}
