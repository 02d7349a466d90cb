//! Waits for quiet, and compares.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::sleep;

use super::api::items;
use super::stage::{Stage, UNWATCHED};
use super::truth::{Book, Difference, difference, tallies_of};

/// What rests on absence settles 150 s after its end.
const QUIET: Duration = Duration::from_secs(165);
/// The same after a watch that had broken came back late.
const QUIET_AT_LAST: Duration = Duration::from_secs(165 + 60);
const STAYS_FOR: Duration = Duration::from_secs(6);
/// The first status of a workload that seems to be of nobody.
const COMES_WITHIN: Duration = Duration::from_secs(40);
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// When failures happened that may be missing, by namespace and name of their `HookAudit`.
pub type Allowance = BTreeMap<Place, Vec<Timestamp>>;

type Place = (String, String);
type Expired = BTreeMap<Place, u64>;

pub struct Settled {
    pub difference: Difference,
    /// Failures that are missing, and whose Events were gone.
    pub expired: u64,
    /// Failures that are missing, of pods whose workload nobody ever saw.
    pub unattributed: u64,
    pub gaps: u64,
    pub problems: Vec<String>,
}

/// With `short`, what rests on absence is not waited for, and its absence is no difference.
pub async fn settle(
    stage: &Stage,
    book: &Book,
    allowance: &Allowance,
    short: bool,
) -> anyhow::Result<Settled> {
    let began = Instant::now();
    let mut exact_since = None;
    loop {
        let audits = stage.audits().await?;
        let mut found = difference(&book.tallies, &tallies_of(&audits));
        let is_exact = found.is_exact();
        let expired = excuse(&mut found, allowance);
        let unattributed = set_apart(&mut found, &audits);
        exact_since = found
            .is_exact_for_failures()
            .then(|| exact_since.unwrap_or_else(Instant::now));
        let stays_for = match unattributed {
            0 => STAYS_FOR,
            _ => COMES_WITHIN,
        };
        let has_stayed = exact_since.is_some_and(|since: Instant| since.elapsed() >= stays_for);
        let is_over = match short {
            true => has_stayed || began.elapsed() > QUIET_AT_LAST,
            false => began.elapsed() > QUIET && is_exact || began.elapsed() > QUIET_AT_LAST,
        };
        if is_over {
            let problems = problems(&found, &audits, allowance, &expired, short);
            return Ok(Settled {
                difference: found,
                expired: expired.values().sum(),
                unattributed,
                gaps: gap_count(&audits),
                problems,
            });
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Takes failures out of the losses whose Events nobody could see any more; gives how many.
fn excuse(found: &mut Difference, allowance: &Allowance) -> Expired {
    let mut expired = Expired::new();
    for (place, lost) in &mut found.lost_at {
        let most = allowance.get(place).map_or(0, Vec::len) as u64;
        let here = most.min(*lost);
        *lost -= here;
        found.lost -= here;
        expired.insert(place.clone(), here);
    }
    expired
}

/// Takes failures out of the losses whose pods nobody can attribute: of workloads that are not watched, and have no
/// `HookAudit` because none of their pods was ever seen.
fn set_apart(found: &mut Difference, audits: &Value) -> u64 {
    let told = tallies_of(audits);
    let mut unattributed = 0;
    for (place, lost) in &mut found.lost_at {
        let is_unwatched = UNWATCHED.iter().any(|kind| place.1.starts_with(kind));
        if is_unwatched && !told.contains_key(place) {
            unattributed += std::mem::take(lost);
        }
    }
    found.lost -= unattributed;
    unattributed
}

fn problems(
    found: &Difference,
    audits: &Value,
    allowance: &Allowance,
    expired: &Expired,
    short: bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    if !found.is_exact_for_failures() {
        problems.push(format!(
            "the tallies are not the truth:\n  {}",
            found.wrong().join("\n  ")
        ));
    }
    let missing = found.successes_missing + found.terminations_missing;
    for audit in items(audits) {
        let name = |field: &str| {
            audit["metadata"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let place = (name("namespace"), name("name"));
        let misses = !short && missing > 0 && found.missing_at.contains(&place);
        if misses
            && audit["status"]["observation"]["gapCount"]
                .as_u64()
                .unwrap_or_default()
                == 0
        {
            let words = found.words_at.get(&place).map_or("", String::as_str);
            problems.push(format!("something is missing, and no gap tells: {words}"));
        }
        let expired = expired.get(&place).copied().unwrap_or_default();
        let allowed = allowance.get(&place).into_iter().flatten().copied();
        let (told, untold): (Vec<_>, Vec<_>) = allowed.partition(|at| is_in_a_gap(audit, *at));
        if (told.len() as u64) < expired {
            let (namespace, name) = &place;
            problems.push(format!(
                "{namespace}/{name}: {expired} failures expired, no gap tells of {untold:?}"
            ));
        }
    }
    problems
}

fn is_in_a_gap(audit: &Value, at: Timestamp) -> bool {
    let gaps = audit["status"]["observation"]["gaps"].as_array();
    let time = |gap: &Value, field: &str| {
        gap[field]
            .as_str()
            .and_then(|time| time.parse::<Timestamp>().ok())
    };
    let covers = |gap: &Value| {
        time(gap, "from").is_some_and(|from| from <= at)
            && time(gap, "to").is_some_and(|to| at <= to)
    };
    gaps.is_some_and(|gaps| gaps.iter().any(covers))
}

fn gap_count(audits: &Value) -> u64 {
    items(audits)
        .filter_map(|audit| audit["status"]["observation"]["gapCount"].as_u64())
        .sum()
}
