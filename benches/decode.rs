//! How fast a pod becomes of bytes what the core reads, beside `serde_json`'s own speed at skipping the
//! same bytes.

#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]

mod pods;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hookaudit::redact::DigestKey;
use hookaudit::source::translate::{Presence, Translator};
use hookaudit::source::wire::{Pod, Record, Trimmer};
use serde::de::IgnoredAny;

const PODS: usize = 1000;

/// So few that none of the ways of reading them is often interrupted.
const PODS_AT_A_TURN: usize = 50;
const ROUNDS: usize = 51;

/// Of the speed of skipping.
const RATIO_MIN: f64 = 0.9;

fn main() -> ExitCode {
    let pods: Vec<String> = (0..PODS).map(pods::pod).collect();
    let bytes: usize = pods.iter().map(String::len).sum();
    println!(
        "{PODS} pods of {} bytes on average, medians of {} turns of {PODS_AT_A_TURN}",
        bytes / PODS,
        ROUNDS * PODS / PODS_AT_A_TURN,
    );
    let [skip, decode, untrimmed, translate] = measure(&pods);
    let ratios = |times: &[Duration]| {
        let pairs = skip.iter().zip(times);
        median(pairs.map(|(skip, taken)| skip.as_secs_f64() / taken.as_secs_f64()))
    };
    let tell = |name: &str, times: &[Duration]| {
        let taken = median(times.iter().map(Duration::as_secs_f64)) / PODS_AT_A_TURN as f64;
        let megabytes = (bytes / PODS) as f64 / taken / 1e6;
        let (micros, ratio) = (taken * 1e6, ratios(times));
        println!("{name:<28} {megabytes:>7.0} MB/s {micros:>7.2} us/pod   ratio {ratio:.3}");
    };
    tell("skip (serde_json)", &skip);
    tell("trim and decode", &decode);
    tell("decode without trimming", &untrimmed);
    tell("trim, decode and translate", &translate);
    let ratio = ratios(&decode);
    if ratio < RATIO_MIN {
        println!("decoding at {ratio:.3} of skipping, below {RATIO_MIN}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Turn by turn, so that a busy machine slows all of them alike.
fn measure(pods: &[String]) -> [Vec<Duration>; 4] {
    let translator = Translator::new(DigestKey::new(b"benchmark"));
    let mut trimmer = Trimmer::default();
    let mut times = [const { Vec::new() }; 4];
    for pods in std::iter::repeat_n(pods, ROUNDS).flat_map(|pods| pods.chunks(PODS_AT_A_TURN)) {
        times[0].push(time(pods, |json| {
            black_box(serde_json::from_str::<IgnoredAny>(json)).is_ok()
        }));
        times[1].push(time(pods, |json| {
            black_box(trimmed_pod(&mut trimmer, json)).is_some()
        }));
        times[2].push(time(pods, |json| {
            black_box(serde_json::from_str::<Record<Pod>>(json)).is_ok()
        }));
        times[3].push(time(pods, |json| {
            trimmed_pod(&mut trimmer, json).is_some_and(|pod| {
                let translation = black_box(translator.pod(&pod.value, Presence::Present));
                translation.into_observations().count() == 1
            })
        }));
    }
    times
}

/// As the watch does it: the bytes are trimmed as they arrive, then checked and decoded.
fn trimmed_pod(trimmer: &mut Trimmer, json: &str) -> Option<Record<Pod>> {
    let kept = trimmer.trim(json.as_bytes());
    serde_json::from_str(std::str::from_utf8(&kept).ok()?).ok()
}

fn time(pods: &[String], mut run: impl FnMut(&str) -> bool) -> Duration {
    let started = Instant::now();
    for pod in pods {
        assert!(run(pod), "a pod could not be read");
    }
    started.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
