//! Plays that went wrong once: somebody saw less of a pod than who counted before or after.

#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

use crate::plan::{Kind, Owner, PodPlan, PreStop};

/// Pods, what happens when, and how far each stream is behind.
type Play = (Vec<PodPlan>, &'static [(u32, Kind)], [u32; 4]);

pub(crate) fn plays() -> Vec<Play> {
    let pod =
        |starts, (post_start_failures, fails_twice), probe_kills, pace, deleted_after| PodPlan {
            owner: Owner::Deployment,
            starts,
            post_start_failures,
            fails_twice,
            probe_kills,
            pace,
            deleted_after,
            pre_stop: PreStop::Fails,
        };
    vec![
        (
            vec![pod(32, (3, false), 0, 16, Some(3))],
            &[
                (63, Kind::Restart { after: 36 }),
                (63, Kind::Follow),
                (101, Kind::Takeover),
            ],
            [0, 0, 0, 0],
        ),
        (
            vec![pod(88, (5, true), 0, 20, None)],
            &[(164, Kind::Restart { after: 0 })],
            [0, 0, 0, 3],
        ),
        (
            vec![pod(40, (4, false), 0, 21, Some(1))],
            &[
                (2, Kind::Follow),
                (47, Kind::Takeover),
                (122, Kind::Restart { after: 20 }),
            ],
            [0, 0, 4, 0],
        ),
        (
            vec![pod(5, (5, false), 2, 21, Some(1))],
            &[
                (1, Kind::Follow),
                (35, Kind::Takeover),
                (102, Kind::Restart { after: 79 }),
            ],
            [0, 0, 3, 0],
        ),
        (
            vec![pod(132, (0, false), 3, 10, None)],
            &[
                (1, Kind::Follow),
                (152, Kind::Takeover),
                (173, Kind::Restart { after: 0 }),
            ],
            [0, 0, 5, 0],
        ),
        (
            vec![pod(5, (4, false), 0, 8, Some(1))],
            &[
                (44, Kind::Restart { after: 13 }),
                (59, Kind::Restart { after: 0 }),
            ],
            [0, 0, 3, 0],
        ),
        (
            vec![
                pod(5, (0, false), 0, 3, None),
                pod(102, (2, true), 0, 15, Some(1)),
            ],
            &[
                (9, Kind::Follow),
                (149, Kind::Takeover),
                (152, Kind::Restart { after: 0 }),
            ],
            [0, 0, 5, 0],
        ),
        // The Event of a pod waits while the first status of its workload is written.
        (
            vec![
                pod(5, (0, false), 0, 3, Some(1)),
                pod(27, (0, false), 0, 3, Some(1)),
            ],
            &[
                (1, Kind::Restart { after: 25 }),
                (35, Kind::Restart { after: 1 }),
            ],
            [0, 0, 0, 0],
        ),
        // The last stop of a pod is told when its failure and its end are counted.
        (
            vec![pod(5, (1, true), 0, 3, Some(2))],
            &[
                (1, Kind::Silence { of: 2, seconds: 27 }),
                (29, Kind::Restart { after: 0 }),
                (30, Kind::Relist),
            ],
            [0, 0, 0, 0],
        ),
    ]
}
