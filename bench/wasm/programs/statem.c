/* SPDX-License-Identifier: AGPL-3.0-only */
#include "bench.h"
/* Device-style workload: build a telemetry text, tokenize it with a state
 * machine, dispatch through function pointers, keep a linked list of records. */
enum st { S_START, S_KEY, S_EQ, S_NUM, S_STR, S_ESC, S_SEP, S_ERR };
struct rec {
    struct rec *next;
    u16 key;
    u16 kind;
    int val;
    char name[12];
};
static char text[1024];
static struct rec pool[96];
static struct rec *head, *freel;
static u32 seed;
static int put_num(char *d, int v)
{
    char t[12];
    int k = 0, o = 0;
    if (v < 0) {
        d[o++] = '-';
        v = -v;
    }
    do {
        t[k++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (k)
        d[o++] = t[--k];
    return o;
}
static int make_text(void)
{
    int o = 0;
    while (o < 960) {
        u32 r = rng_next(&seed);
        int kl = 2 + (int)(r & 3);
        for (int i = 0; i < kl; i++)
            text[o++] = (char)('a' + (r >> (4 + 3 * i)) % 26);
        text[o++] = '=';
        if (r & 0x10)
            o += put_num(text + o, (int)(r >> 12) - 300000);
        else {
            text[o++] = '"';
            for (int i = 0; i < 6; i++) {
                if (((r >> i) & 15) == 3)
                    text[o++] = '\\';
                text[o++] = (char)('A' + (r >> (2 * i)) % 26);
            }
            text[o++] = '"';
        }
        text[o++] = ';';
    }
    text[o] = 0;
    return o;
}
static int k_add(struct rec *r, int a)
{
    return r->val + a;
}
static int k_xor(struct rec *r, int a)
{
    return r->val ^ a;
}
static int k_str(struct rec *r, int a)
{
    int h = a;
    for (int i = 0; r->name[i]; i++)
        h = h * 31 + r->name[i];
    return h;
}
static int k_max(struct rec *r, int a)
{
    return r->val > a ? r->val : a + 1;
}
static int (*const ops[4])(struct rec *, int) = {k_add, k_xor, k_str, k_max};
static void insert_sorted(struct rec *r)
{
    struct rec **p = &head;
    while (*p && (*p)->key < r->key)
        p = &(*p)->next;
    r->next = *p;
    *p = r;
}
static struct rec *alloc_rec(void)
{
    if (!freel) { /* recycle the whole list */
        struct rec *r = head;
        while (r) {
            struct rec *n = r->next;
            r->next = freel;
            freel = r;
            r = n;
        }
        head = 0;
    }
    struct rec *r = freel;
    freel = r->next;
    return r;
}
static int parse(const char *s)
{
    enum st st = S_START;
    u32 key = 0;
    int val = 0, neg = 0, nl = 0, bad = 0;
    char name[12];
    for (;; s++) {
        char c = *s;
        switch (st) {
        case S_START:
            if (!c)
                return bad;
            key = 0;
            val = 0;
            neg = 0;
            nl = 0;
            st = S_KEY; /* fallthrough */
        case S_KEY:
            if (c >= 'a' && c <= 'z')
                key = key * 26 + (u32)(c - 'a');
            else if (c == '=')
                st = S_EQ;
            else
                st = S_ERR;
            break;
        case S_EQ:
            if (c == '"')
                st = S_STR;
            else if (c == '-') {
                neg = 1;
                st = S_NUM;
            } else if (c >= '0' && c <= '9') {
                val = c - '0';
                st = S_NUM;
            } else
                st = S_ERR;
            break;
        case S_NUM:
            if (c >= '0' && c <= '9') {
                val = val * 10 + (c - '0');
                break;
            }
            /* fallthrough */
        case S_SEP:
            if (c == ';') {
                struct rec *r = alloc_rec();
                r->key = (u16)key;
                r->kind = (u16)((key >> 3) & 3);
                r->val = neg ? -val : val;
                for (int i = 0; i < nl; i++)
                    r->name[i] = name[i];
                r->name[nl] = 0;
                insert_sorted(r);
                st = S_START;
            } else if (!c)
                return bad;
            else
                st = S_ERR;
            break;
        case S_STR:
            if (c == '"')
                st = S_SEP;
            else if (c == '\\')
                st = S_ESC;
            else if (nl < 11)
                name[nl++] = c;
            break;
        case S_ESC:
            if (nl < 11)
                name[nl++] = (char)(c | 32);
            st = S_STR;
            break;
        case S_ERR:
            bad++;
            if (c == ';')
                st = S_START;
            else if (!c)
                return bad;
            break;
        }
    }
}
EXPORT(run) int run(int n)
{
    int acc = 0;
    seed = 4242;
    head = freel = 0;
    for (int i = 0; i < 96; i++) {
        pool[i].next = freel;
        freel = &pool[i];
    }
    for (int r = 0; r < n; r++) {
        make_text();
        acc += parse(text);
        for (struct rec *p = head; p; p = p->next)
            acc = ops[p->kind](p, acc);
    }
    return acc;
}
