// SPDX-License-Identifier: AGPL-3.0-only
// AssemblyScript: strings, arrays and floats behind exported functions; abort is imported as env.abort
// unless asc is told otherwise (--use abort=).
export function fib(n: i32): i32 {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function text(n: i32): i32 {
    let s = "";
    for (let i = 0; i < n; i++) {
        s += i.toString() + ",";
    }
    return s.length;
}

export function mean(n: i32): f64 {
    const a = new Array<f64>();
    for (let i = 0; i < n; i++) {
        a.push(i * 1.5);
    }
    let sum = 0.0;
    for (let i = 0; i < n; i++) {
        sum += a[i];
    }
    return sum / <f64>n;
}
