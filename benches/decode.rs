//! How fast a pod is decoded, beside serde_json's own speed at skipping the same bytes.

#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]

mod pods;

use std::hint::black_box;
use std::time::{Duration, Instant};

use hookaudit::redact::DigestKey;
use hookaudit::source::translate::{Presence, Translator};
use hookaudit::source::wire::{Pod, Record};
use serde::de::IgnoredAny;

const PODS: usize = 1000;
const ROUNDS: usize = 15;

/// Below this something of ours, and not `serde_json`, has become slow: at 0.72 four fifths of the time
/// are spent inside `serde_json`.
const RATIO_MIN: f64 = 0.65;

fn main() {
    let pods: Vec<String> = (0..PODS).map(pods::pod).collect();
    let bytes: usize = pods.iter().map(String::len).sum();
    let translator = Translator::new(DigestKey::new(b"benchmark"));
    let mut skip = Vec::new();
    let mut decode = Vec::new();
    let mut translate = Vec::new();
    // Turn by turn, so that a busy machine slows all of them alike.
    for _ in 0..ROUNDS {
        skip.push(time(&pods, |json| {
            black_box(serde_json::from_str::<IgnoredAny>(json)).is_ok()
        }));
        decode.push(time(&pods, |json| {
            black_box(serde_json::from_str::<Record<Pod>>(json)).is_ok()
        }));
        translate.push(time(&pods, |json| {
            let pod: Result<Record<Pod>, _> = serde_json::from_str(json);
            pod.is_ok_and(|pod| {
                let translation = black_box(translator.pod(&pod.value, Presence::Present));
                translation.into_observations().count() == 1
            })
        }));
    }
    println!(
        "{PODS} pods of {} bytes on average, best of {ROUNDS} rounds",
        bytes / PODS
    );
    let [skip, decode, translate] = [skip, decode, translate].map(best);
    let tell = |name: &str, taken: Duration| {
        let megabytes = bytes as f64 / taken.as_secs_f64() / 1e6;
        let micros = taken.as_secs_f64() * 1e6 / PODS as f64;
        let ratio = skip.as_secs_f64() / taken.as_secs_f64();
        println!("{name:<24} {megabytes:>7.0} MB/s {micros:>7.2} us/pod   ratio {ratio:.3}");
        ratio
    };
    tell("skip (serde_json)", skip);
    let ratio = tell("decode", decode);
    tell("decode and translate", translate);
    assert!(
        ratio >= RATIO_MIN,
        "decoding at {ratio:.3} of skipping, below {RATIO_MIN}"
    );
}

fn time(pods: &[String], mut run: impl FnMut(&str) -> bool) -> Duration {
    let started = Instant::now();
    for pod in pods {
        assert!(run(pod), "a pod could not be read");
    }
    started.elapsed()
}

fn best(times: Vec<Duration>) -> Duration {
    times.into_iter().min().unwrap_or_default()
}
