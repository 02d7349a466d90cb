//! Every scenario of the suite.

#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod away;
mod deletions;
mod disturbed;
mod edges;
mod main_process;
mod post_start;
mod pre_stop;
mod probes;
mod sidecars;
mod taken_away;
mod variations;
mod workloads;

use super::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [
        pre_stop::scenarios(),
        post_start::scenarios(),
        main_process::scenarios(),
        probes::scenarios(),
        deletions::scenarios(),
        sidecars::scenarios(),
        workloads::scenarios(),
        taken_away::scenarios(),
        variations::scenarios(),
        edges::scenarios(),
        away::scenarios(),
        disturbed::scenarios(),
    ]
    .concat()
}

/// Something that no scenario plays.
#[derive(Clone, Copy, Debug)]
pub struct NotRun {
    pub what: &'static str,
    pub why: &'static str,
    /// The recordings in `tests/recordings/constructed` that stand for it: written by hand after what a kubelet is known to show.
    pub constructed: &'static [&'static str],
}

pub const NOT_RUN: [NotRun; 10] = [
    NotRun {
        what: "node pressure eviction (memory, disk)",
        why: "it would take the memory or the disk of the machine that the tests share",
        constructed: &["node-pressure-eviction"],
    },
    NotRun {
        what: "graceful node shutdown",
        why: "the kubelet asks logind for it, and the node has none",
        constructed: &["node-shutdown"],
    },
    NotRun {
        what: "a power loss of the node",
        why: "the node's processes end with it, and its containers could write nothing down",
        constructed: &["power-loss", "power-loss-open"],
    },
    NotRun {
        what: "Windows containers",
        why: "they need a Windows node",
        constructed: &["windows", "windows-hook-fails"],
    },
    NotRun {
        what: "in-place resize with a restart",
        why: "cgroup v1",
        constructed: &["resize-restart"],
    },
    NotRun {
        what: "a volume that hangs in its driver",
        why: "it needs a storage driver that can be made to hang",
        constructed: &["volume-hangs", "volume-hangs-open"],
    },
    NotRun {
        what: "a runtime that hangs until the kubelet gives up on it",
        why: "that takes the grace and two minutes more, in which nothing else can be played",
        constructed: &["runtime-hangs", "runtime-hangs-open"],
    },
    NotRun {
        what: "static pods",
        why: "their processes know another uid than the API shows, so that no witness can be joined",
        constructed: &["static-pod"],
    },
    NotRun {
        what: "an Event that comes after its pod is gone",
        why: "after an outage it is chance whether the kubelet or the recorder is there first",
        constructed: &["event-after-the-end"],
    },
    NotRun {
        what: "verdicts on what lasts",
        why: "a scenario is graded when it is over",
        constructed: &["poststart-stuck-open", "sleep-open"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_at_least_sixty_scenarios_and_no_two_of_one_name() {
        let names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
        assert!(names.len() >= 60, "{}", names.len());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn every_name_gives_a_namespace_and_a_file() {
        for scenario in all() {
            let is_plain = scenario
                .name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '-');
            assert!(
                is_plain && scenario.namespace().len() <= 63,
                "{}",
                scenario.name
            );
            assert!(
                !scenario.about.is_empty() && !scenario.shows.is_empty(),
                "{}",
                scenario.name
            );
        }
    }
}
