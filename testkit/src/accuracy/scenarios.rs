//! Every scenario of the suite.

#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod away;
mod deletions;
mod disturbed;
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
        away::scenarios(),
        disturbed::scenarios(),
    ]
    .concat()
}

/// What cannot be made on this node, and why.
pub const NOT_RUN: [(&str, &str); 6] = [
    (
        "node pressure eviction (memory, disk)",
        "it would take the memory or the disk of the machine that the tests share",
    ),
    (
        "graceful node shutdown",
        "the kubelet asks logind for it, and the node has none",
    ),
    (
        "a power loss of the node",
        "the node's processes end with it, and its containers could write nothing down",
    ),
    ("Windows containers", "they need a Windows node"),
    ("in-place resize with a restart", "cgroup v1"),
    (
        "a hanging volume or runtime",
        "they need a storage driver or a runtime that can be made to hang",
    ),
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
