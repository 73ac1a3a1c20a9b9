// SPDX-License-Identifier: AGPL-3.0-only
// An ordinary Rust program: arguments, collections, formatting, exit code.
use std::collections::HashMap;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in &words {
        *counts.entry(word.as_str()).or_insert(0) += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort();
    println!("hello from Rust {:?} {:.2}", sorted, 2.0f64.sqrt());
    std::process::exit(words.len() as i32);
}
