//! Plays all chosen scenarios, phase after phase, and tells where the time went.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Barrier, Semaphore};

use super::run::{Played, Player};
use super::scenario::{Phase, Scenario, Step, Venue};
use super::stage::Stage;
use crate::cluster::{Cluster, Level};

/// So many pods start at once without keeping each other waiting.
const AT_ONCE: usize = 10;
/// From when to when each scenario was played, or why it was not.
const PLAYED: &str = "played.json";

/// What became of each scenario of a venue.
pub type Outcomes = BTreeMap<String, Result<Played, String>>;

/// Seconds by what they were spent on, in the order in which they were.
#[derive(Debug, Default)]
pub struct Spent {
    parts: Vec<(String, Duration)>,
    /// Nobody had anything to do.
    waiting: Duration,
}

impl Spent {
    pub fn add(&mut self, what: impl Into<String>, since: Instant) {
        self.parts.push((what.into(), since.elapsed()));
    }

    /// `812 s, of which 270 s pure waiting: clusters 14 s, calm 240 s, …`
    pub fn told(&self) -> String {
        let whole: Duration = self.parts.iter().map(|(_, time)| *time).sum();
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(what, time)| format!("{what} {:.0} s", time.as_secs_f64()))
            .collect();
        format!(
            "{:.0} s, of which {:.0} s pure waiting: {}",
            whole.as_secs_f64(),
            self.waiting.as_secs_f64(),
            parts.join(", ")
        )
    }
}

/// What the phases of one venue leave behind.
pub fn dir_of(out: &Path, venue: Venue) -> PathBuf {
    out.join(venue.name())
}

/// # Errors
///
/// If no run was played to its end there.
pub fn outcomes(dir: &Path) -> anyhow::Result<Outcomes> {
    let path = dir.join(PLAYED);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read: nothing was played", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// Plays the phases one after the other. The recorders go on through all of them and up to `settle` after the last, so that what
/// settles in one phase does so while the next is played.
///
/// # Errors
///
/// If there is no cluster, or a disturbance cannot be made. A scenario that fails is an outcome.
pub async fn play(
    scenarios: &[Scenario],
    hookaudit: &Path,
    out: &Path,
    settle: Duration,
    tell: impl Fn(&str),
) -> anyhow::Result<Spent> {
    let mut spent = Spent::default();
    let mut stages: BTreeMap<Venue, (Stage, Outcomes)> = BTreeMap::new();
    for phase in Phase::ALL {
        let chosen: Vec<&Scenario> = scenarios
            .iter()
            .filter(|scenario| scenario.phase == phase)
            .collect();
        if chosen.is_empty() {
            continue;
        }
        let venue = phase.venue();
        let (stage, outcomes) = match stages.entry(venue) {
            Entry::Occupied(set) => set.into_mut(),
            Entry::Vacant(place) => {
                let began = Instant::now();
                let stage = Stage::set(cluster_of(venue)?, &dir_of(out, venue), hookaudit).await?;
                spent.add(format!("cluster {}", venue.name()), began);
                place.insert((stage, Outcomes::new()))
            }
        };
        let began = Instant::now();
        outcomes.extend(play_phase(stage, phase, &chosen).await?);
        spent.waiting += waited_by(&phase.disturbance());
        let (count, seconds) = (chosen.len(), began.elapsed().as_secs());
        tell(&format!(
            "{}: {count} scenarios in {seconds} s",
            phase.name()
        ));
        spent.add(phase.name(), began);
    }
    tell(&format!("{} s until all is settled", settle.as_secs()));
    let began = Instant::now();
    tokio::time::sleep(settle).await;
    spent.waiting += began.elapsed();
    spent.add("settling", began);
    for (stage, outcomes) in stages.into_values() {
        fs::write(
            stage.dir.join(PLAYED),
            serde_json::to_string_pretty(&outcomes)?,
        )?;
        stage.strike()?;
    }
    Ok(spent)
}

fn cluster_of(venue: Venue) -> anyhow::Result<Arc<Cluster>> {
    let flags = venue.cluster_flags();
    let cluster = if flags.is_empty() {
        Cluster::with_node()
    } else {
        Cluster::fresh(Level::Node, flags).map(Arc::new)
    };
    cluster.context("no cluster")
}

fn waited_by(disturbance: &[Step]) -> Duration {
    let sleeps = disturbance.iter().map(|step| match step {
        Step::Sleep(seconds) => Duration::from_secs_f64(*seconds),
        _ => Duration::ZERO,
    });
    sleeps.sum()
}

/// All at once up to the disturbance, and all at once after it; without one, a few at a time.
async fn play_phase(stage: &Stage, phase: Phase, chosen: &[&Scenario]) -> anyhow::Result<Outcomes> {
    let disturbance = phase.disturbance();
    let places = Semaphore::new(if disturbance.is_empty() {
        AT_ONCE
    } else {
        chosen.len()
    });
    let ready = Barrier::new(chosen.len() + 1);
    let over = Barrier::new(chosen.len() + 1);
    let one = async |scenario: &Scenario| {
        let _place = places.acquire().await?;
        let mut player = Player::new(stage, scenario);
        let begun = player.begin().await;
        if !disturbance.is_empty() {
            ready.wait().await;
            let meanwhile = player.play(&scenario.meanwhile).await;
            over.wait().await;
            meanwhile?;
        }
        begun?;
        player.end().await
    };
    let disturb = async {
        if disturbance.is_empty() {
            return anyhow::Ok(());
        }
        ready.wait().await;
        let disturbed = Player::new(stage, chosen[0]).play(&disturbance).await;
        over.wait().await;
        disturbed
    };
    let all = futures::future::join_all(
        chosen
            .iter()
            .map(async |scenario| (scenario.name, one(scenario).await)),
    );
    let (played, disturbed) = tokio::join!(all, disturb);
    disturbed?;
    Player::new(stage, chosen[0]).play(&phase.repair()).await?;
    let shown = played.into_iter().map(|(name, played)| {
        let played: anyhow::Result<Played> = played;
        (
            name.to_owned(),
            played.map_err(|error| format!("{error:#}")),
        )
    });
    Ok(shown.collect())
}
