/* SPDX-License-Identifier: AGPL-3.0-only */
int run_fib(int), run_sieve(int), run_sha256(int), run_matmul_i32(int), run_matmul_f32(int),
    run_crc32(int), run_statem(int), run_sort(int);
__attribute__((export_name("run"))) int run(int n)
{
    return run_fib(n) ^ run_sieve(n) ^ run_sha256(n) ^ run_matmul_i32(n) ^ run_matmul_f32(n) ^
           run_crc32(n) ^ run_statem(n) ^ run_sort(n);
}
