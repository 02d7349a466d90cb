use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::api::fixture::{plain_hook, plain_workload, target};
use crate::audit::record::{Gap, GapReason, WorkloadRef};
use crate::audit::seen::{Resource, Uid};
use crate::audit::snapshot::{Active, Counters, Workload, Written, WrittenHook};
use crate::audit::words::{Cause, Hook, Outcome, TerminationResult};
use crate::leader::Term;

const START: i64 = 1_763_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn renderer(workloads_max: usize) -> Renderer {
    let settings = MetricsSettings {
        workloads_max,
        version: "1.2.3",
        revision: "abc",
        ..MetricsSettings::default()
    };
    Renderer::new(settings, Arc::default(), Arc::default())
}

fn snapshot(workloads: impl IntoIterator<Item = Workload>) -> Arc<Snapshot> {
    let workloads = workloads.into_iter().map(Arc::new).collect();
    Arc::new(Snapshot {
        revision: 1,
        synced: true,
        observed_from: Some(at(0)),
        workloads,
        ..Snapshot::default()
    })
}

fn told(renderer: &Renderer, snapshot: &Arc<Snapshot>, seconds: i64) -> String {
    renderer
        .exposition(Arc::clone(snapshot), at(seconds), Format::Text)
        .collect()
}

/// The samples of families whose names begin like this, each without that beginning.
fn samples<'a>(text: &'a str, beginning: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.strip_prefix(beginning))
        .collect()
}

/// A workload with a preStop hook that failed once and a postStart hook that is stuck.
fn workload() -> Workload {
    let mut pre_stop = plain_hook("app", Hook::PreStop);
    pre_stop.outcomes[Outcome::Failed as usize] = 1;
    pre_stop.spec.sleep_seconds = Some(5);
    let mut post_start = plain_hook("app", Hook::PostStart);
    post_start.stuck = 2;
    let mut workload = Workload {
        hooks: vec![post_start, pre_stop],
        ..plain_workload()
    };
    workload.terminations.results[TerminationResult::ForceKilled as usize] = 3;
    workload.terminations.total_seconds = 90;
    workload.terminations.terminating = vec![(Cause::PreStop, 2)];
    workload.terminations.overdue = vec![(Cause::PreStop, 1)];
    workload.active = vec![overdue("checkout-1", 1, 10)];
    workload
}

fn overdue(pod: &str, uid: u128, since: i64) -> Active {
    Active {
        pod: pod.into(),
        pod_uid: Uid(uid),
        node: Some("node-17".into()),
        restart: 0,
        container: None,
        hook: None,
        since: at(since),
        deadline: Some(at(since + 30)),
        overdue: true,
        stuck: false,
        cause: Cause::PreStop,
        confidence: None,
        detail: "".into(),
    }
}

fn named(number: usize) -> Workload {
    Workload {
        target: target("apps/v1", "Deployment", &format!("app-{number:03}")),
        ..workload()
    }
}

#[test]
fn the_workload_families_are_exactly_this() {
    let renderer = renderer(10);
    let snapshot = snapshot([workload()]);
    told(&renderer, &snapshot, 0);
    let text = told(&renderer, &snapshot, 60);
    let own = text
        .split("# HELP hookaudit_observation_start")
        .next()
        .unwrap();
    assert_eq!(own, include_str!("expected.txt"));
}

#[test]
fn a_new_counter_stays_at_zero_for_a_minute_of_scrapes() {
    let renderer = renderer(10);
    let failed = "hookaudit_hook_runs_total{namespace=\"shop\",workload=\"checkout\",workload_type=\"deployment\",\
                  container=\"app\",hook=\"preStop\",outcome=\"failed\"} ";
    for (seconds, shown) in [(0, "0"), (15, "0"), (59, "0"), (60, "1"), (75, "1")] {
        let text = told(&renderer, &snapshot([workload()]), seconds);
        assert_eq!(samples(&text, failed), [shown], "after {seconds} seconds");
    }
    let mut worse = workload();
    worse.hooks[1].outcomes[Outcome::Failed as usize] = 2;
    let text = told(&renderer, &snapshot([worse]), 90);
    assert_eq!(
        samples(&text, failed),
        ["2"],
        "a known counter is never held back"
    );
}

#[test]
fn a_rare_counter_is_born_at_zero_too() {
    let renderer = renderer(10);
    told(&renderer, &snapshot([workload()]), 0);
    let mut lost = workload();
    lost.terminations.results[TerminationResult::NodeLost as usize] = 1;
    lost.hooks[1].duplicates = 4;
    for (seconds, shown) in [(300, ["0", "0"]), (400, ["1", "4"])] {
        let text = told(&renderer, &snapshot([lost.clone()]), seconds);
        let node_lost = text
            .lines()
            .find(|line| line.contains("result=\"node_lost\""))
            .unwrap();
        assert!(
            node_lost.ends_with(&format!(" {}", shown[0])),
            "{node_lost}"
        );
        let duplicates = text
            .lines()
            .find(|line| line.starts_with("hookaudit_hook_duplicate_runs_total{"))
            .unwrap();
        assert!(
            duplicates.ends_with(&format!(" {}", shown[1])),
            "{duplicates}"
        );
    }
}

/// As [`workload`], resting on a status of another process that lists all of it.
fn inherited() -> Workload {
    let mut inherited = workload();
    let row = &inherited.hooks[1];
    let written = Written {
        hooks: Box::new([WrittenHook {
            container: row.container.clone(),
            hook: row.hook,
            ever_counted: row.outcomes,
            duplicates: 0,
            amendments: Box::default(),
        }]),
        results: inherited.terminations.results,
        total_seconds: inherited.terminations.total_seconds,
    };
    inherited.basis.inherited = Some(Arc::new(written));
    inherited
}

const PRE_STOP_FAILED: &str = "hookaudit_hook_runs_total{namespace=\"shop\",workload=\"checkout\",\
    workload_type=\"deployment\",container=\"app\",hook=\"preStop\",outcome=\"failed\"} ";

#[test]
fn a_counter_of_an_earlier_leader_goes_on_without_a_zero() {
    let text = told(&renderer(10), &snapshot([inherited()]), 0);
    assert_eq!(samples(&text, PRE_STOP_FAILED), ["1"]);
    assert!(text.contains("result=\"force_killed\"} 3\n"), "{text}");
}

/// Who begins to lead at this second.
fn leads(terms: &tokio::sync::watch::Sender<Option<Term>>, seconds: i64) {
    terms.send_replace(Some(Term {
        deadline: tokio::time::Instant::now() + Duration::from_mins(1),
        previous_renewed_at: Some(at(seconds)),
    }));
}

#[test]
fn a_counter_that_a_status_lists_for_a_short_time_was_shown_at_zero_at_most() {
    for (takes_over, shown) in [(12, "0"), (39, "0"), (40, "1")] {
        let renderer = renderer(10);
        let (terms, receiver) = tokio::sync::watch::channel(None);
        renderer.stand(Mandate::new(receiver));
        told(&renderer, &snapshot([]), 0);
        told(&renderer, &snapshot([inherited()]), 10);
        leads(&terms, takes_over);
        let text = told(&renderer, &snapshot([inherited()]), takes_over);
        let seen = samples(&text, PRE_STOP_FAILED);
        assert_eq!(seen, [shown], "taken over at {takes_over} s");
        let text = told(&renderer, &snapshot([inherited()]), 70);
        assert_eq!(samples(&text, PRE_STOP_FAILED), ["1"]);
    }
}

#[test]
fn a_counter_goes_on_where_another_leader_left_it() {
    for (leads_again, shown) in [(20, "0"), (48, "1")] {
        let renderer = renderer(10);
        let (terms, receiver) = tokio::sync::watch::channel(None);
        renderer.stand(Mandate::new(receiver));
        leads(&terms, -5);
        let text = told(&renderer, &snapshot([workload()]), 0);
        assert_eq!(samples(&text, PRE_STOP_FAILED), ["0"]);
        terms.send_replace(None);
        leads(&terms, leads_again);
        let text = told(&renderer, &snapshot([workload()]), leads_again);
        let seen = samples(&text, PRE_STOP_FAILED);
        assert_eq!(seen, [shown], "leads again at {leads_again} s");
    }
}

#[test]
fn a_counter_does_not_go_down_when_a_run_is_amended() {
    let renderer = renderer(10);
    let mut before = workload();
    before.hooks[1].outcomes[Outcome::Succeeded as usize] = 5;
    told(&renderer, &snapshot([before.clone()]), 0);
    let mut after = before.clone();
    after.hooks[1].outcomes[Outcome::Succeeded as usize] = 4;
    after.hooks[1].outcomes[Outcome::Failed as usize] = 2;
    after.hooks[1].amendments = vec![(Outcome::Succeeded, Outcome::Failed, 1)];
    told(&renderer, &snapshot([after.clone()]), 100);
    let text = told(&renderer, &snapshot([after]), 200);
    assert!(
        text.contains("hook=\"preStop\",outcome=\"succeeded\"} 5\n"),
        "{text}"
    );
    assert!(
        text.contains("hook=\"preStop\",outcome=\"failed\"} 2\n"),
        "{text}"
    );
    assert!(
        text.contains("hook=\"preStop\",from=\"succeeded\",to=\"failed\"} 1\n"),
        "{text}"
    );
}

#[test]
fn workloads_beyond_the_cap_are_added_up_and_counted() {
    let renderer = renderer(2);
    let five = snapshot((0..5).map(named));
    told(&renderer, &five, 0);
    let text = told(&renderer, &five, 100);
    let killed = samples(
        &text,
        "hookaudit_terminations_total{namespace=\"shop\",workload=\"_other\",workload_type=\"_other\",",
    );
    assert_eq!(
        killed,
        ["result=\"force_killed\"} 9", "result=\"graceful\"} 0"]
    );
    let capped = "hookaudit_metric_series_capped_total{metric=\"hookaudit_terminations_total\"} ";
    assert_eq!(samples(&text, capped), ["3"]);
    assert_eq!(
        text.matches("hookaudit_workload_termination_grace_period_seconds{")
            .count(),
        2
    );

    // A workload that sorts first and one that leaves change nothing for the others.
    let changed = snapshot([2, 3, 4].into_iter().map(named));
    let text = told(&renderer, &changed, 200);
    let killed = samples(
        &text,
        "hookaudit_terminations_total{namespace=\"shop\",workload=\"_other\",workload_type=\"_other\",",
    );
    assert_eq!(
        killed,
        ["result=\"force_killed\"} 9", "result=\"graceful\"} 0"]
    );
    let fewer = snapshot([named(4)]);
    let text = told(&renderer, &fewer, 300);
    let killed = samples(
        &text,
        "hookaudit_terminations_total{namespace=\"shop\",workload=\"_other\",workload_type=\"_other\",",
    );
    assert_eq!(
        killed,
        ["result=\"force_killed\"} 9", "result=\"graceful\"} 0"],
        "a sum never goes down"
    );
}

#[test]
fn two_workloads_with_the_same_labels_make_no_series_twice() {
    let renderer = renderer(10);
    let foreign = Workload {
        target: target("example.com/v1", "Deployment", "checkout"),
        ..workload()
    };
    let both = snapshot([workload(), foreign]);
    told(&renderer, &both, 0);
    let text = told(&renderer, &both, 100);
    let mut names: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(
        text.contains("workload=\"_other\",workload_type=\"_other\",result=\"force_killed\"} 3\n"),
        "{text}"
    );
}

#[test]
fn bare_pods_are_one_workload_of_their_own_type() {
    let bare = Workload {
        target: WorkloadRef::bare_pods(),
        ..workload()
    };
    let text = told(&renderer(10), &snapshot([bare]), 0);
    assert!(text.contains("workload=\"barepods\",workload_type=\"barepod\""));
}

#[test]
fn nothing_of_a_workload_is_exported_before_all_is_synced_or_by_a_follower() {
    let renderer = renderer(10);
    let mut early = Snapshot::clone(&snapshot([workload()]));
    early.synced = false;
    let text = told(&renderer, &Arc::new(early), 0);
    assert!(!text.contains("workload="), "{text}");
    assert!(text.contains("hookaudit_build_info{version=\"1.2.3\",revision=\"abc\"} 1\n"));
    assert!(!text.contains("leader_election_master_status"));

    let (terms, receiver) = tokio::sync::watch::channel(None);
    renderer.stand(Mandate::new(receiver));
    let text = told(&renderer, &snapshot([workload()]), 0);
    assert!(!text.contains("workload="), "{text}");
    assert!(text.contains("leader_election_master_status{name=\"hookaudit\"} 0\n"));
    let term = |seconds_left: u64| Term {
        deadline: tokio::time::Instant::now() + Duration::from_secs(seconds_left),
        previous_renewed_at: None,
    };
    terms.send_replace(Some(term(60)));
    let text = told(&renderer, &snapshot([workload()]), 0);
    assert!(text.contains("workload=\"checkout\""));
    assert!(text.contains("leader_election_master_status{name=\"hookaudit\"} 1\n"));
    terms.send_replace(Some(term(0)));
    let text = told(&renderer, &snapshot([workload()]), 0);
    assert!(
        !text.contains("workload="),
        "a term that is over exports nothing"
    );
    terms.send_replace(Some(term(60)));
    renderer.resign();
    assert!(!told(&renderer, &snapshot([workload()]), 0).contains("workload="));
}

#[test]
fn the_oldest_overdue_pods_are_named_and_no_more_than_500() {
    let mut many = workload();
    many.active = (0..700)
        .map(|number| {
            overdue(
                &format!("pod-{number}"),
                number,
                i64::try_from(700 - number).unwrap(),
            )
        })
        .collect();
    let text = told(&renderer(10), &snapshot([many]), 0);
    let named = samples(
        &text,
        "hookaudit_pod_termination_requested_timestamp_seconds{",
    );
    assert_eq!(named.len(), 500);
    assert!(
        named[0].contains("pod=\"pod-699\"") && named[0].ends_with(&format!(" {}", START + 1)),
        "{}",
        named[0]
    );
    assert!(text.contains("hookaudit_node_pods_terminating_overdue{node=\"node-17\"} 700\n"));
}

#[test]
fn a_gap_is_counted_once_and_its_seconds_as_it_grows() {
    let renderer = renderer(10);
    let gap = |to| Gap {
        from: at(0),
        to: at(to),
        resource: Resource::Events,
        reason: GapReason::BoundReached,
    };
    let with = |gaps| {
        Arc::new(Snapshot {
            synced: true,
            gaps,
            ..Snapshot::default()
        })
    };
    told(&renderer, &with(vec![gap(5)]), 10);
    let text = told(&renderer, &with(vec![gap(8)]), 20);
    assert!(
        text.contains(
            "hookaudit_observation_gaps_total{resource=\"events\",reason=\"bound_reached\"} 1\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("hookaudit_observation_gap_seconds_total{resource=\"events\"} 8\n"),
        "{text}"
    );
}

#[test]
fn the_core_s_counters_and_the_process_are_exported() {
    let mut busy = Snapshot::clone(&snapshot([]));
    busy.counters = Counters {
        events: vec![("FailedPreStopHook", "matched", 7)],
        verdicts: vec![("run", "inferred", 3)],
        defects: vec![("pods", "uid", 1)],
    };
    let text = told(&renderer(10), &Arc::new(busy), 0);
    for line in [
        "hookaudit_kube_events_total{reason=\"FailedPreStopHook\",result=\"matched\"} 7\n",
        "hookaudit_correlations_total{kind=\"run\",confidence=\"inferred\"} 3\n",
        "hookaudit_input_defects_total{resource=\"pods\",field=\"uid\"} 1\n",
        "hookaudit_status_writes_total{result=\"conflict\"} 0\n",
        "hookaudit_event_writes_total{result=\"dropped\"} 0\n",
        "# TYPE process_resident_memory_bytes gauge\n",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[test]
fn open_metrics_names_counters_without_total_and_ends() {
    let text: String = renderer(10)
        .exposition(snapshot([workload()]), at(0), Format::OpenMetrics)
        .collect();
    assert!(text.contains("# TYPE hookaudit_hook_runs counter\nhookaudit_hook_runs_total{"));
    assert!(text.contains("# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total "));
    assert!(text.contains("# TYPE hookaudit_hook_info gauge\n"));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_large_exposition_comes_in_chunks_and_is_the_same_as_a_small_one() {
    let renderer = renderer(1_000);
    let many = snapshot((0..900).map(named));
    let chunks: Vec<String> = renderer
        .exposition(Arc::clone(&many), at(0), Format::Text)
        .collect();
    assert!(chunks.len() > 10);
    assert!(chunks.iter().all(|chunk| chunk.len() < 200_000));
    let text = chunks.concat();
    assert_eq!(samples(&text, "hookaudit_hook_info{").len(), 1_800);
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let renderer = renderer(2);
    let five = snapshot((0..5).map(named));
    told(&renderer, &five, 0);
    let text = told(&renderer, &five, 100);
    let command = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = command else {
        eprintln!("SKIPPED: promtool is not installed, the exposition is not checked");
        return;
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
}
