//! Plays a fault, and compares what was told in the end with what happened.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::api::items;
use super::fault::{Fault, Pods, Step, Whom};
use super::http::get;
use super::producer::Producer;
use super::prometheus::Prometheus;
use super::proxy::Way;
use super::real::RealPods;
use super::replica::{Replica, Settings};
use super::requests;
use super::sampler::{Sampler, Seat};
use super::settle::{Allowance, settle};
use super::stage::{NAMESPACE, Stage};
use super::table::Row;
use super::truth::Truth;
use crate::cluster::Level;

const GAPS: &str = "hookaudit_observation_gaps_total";
const METRICS_WITHIN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A container is started again after it ended by itself.
const BACK_OFF: Duration = Duration::from_secs(2);
/// What was seen so long before the operator was killed may not have been written: a status waits half a minute
/// for more news that are no worse.
const UNWRITTEN_SECONDS: i64 = 35;

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Options {
    pub program: PathBuf,
    pub out: PathBuf,
    pub flags: Vec<String>,
    pub records: bool,
    pub short: bool,
    /// Other than the fault says.
    pub rounds: Option<u32>,
}

/// What is played at a time. An API server takes its share even when nothing happens.
#[derive(Debug)]
pub struct Places {
    clusters: Semaphore,
    /// Fewer: the quiet after a fault is a long wait.
    disturbed: Semaphore,
}

impl Places {
    pub fn new(at_once: usize) -> Self {
        Self {
            clusters: Semaphore::new(2 * at_once),
            disturbed: Semaphore::new(at_once),
        }
    }
}

pub async fn play(fault: &Fault, options: &Options, places: &Places) -> anyhow::Result<Row> {
    let _cluster = places.clusters.acquire().await?;
    let place = places.disturbed.acquire().await?;
    let dir = options.out.join(fault.name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let level = match fault.pods {
        Pods::MadeUp(_) => Level::Api,
        Pods::Real => Level::Node,
    };
    let stage = Stage::set(level, fault.cluster_flags).await?;
    let truth = Arc::new(Truth::default());
    let settings = Settings {
        program: options.program.clone(),
        dir,
        flags: fault
            .operator_flags
            .iter()
            .map(|flag| (*flag).to_owned())
            .chain(options.flags.iter().cloned())
            .collect(),
        records: options.records,
    };
    let evidence = settings.dir.clone();
    let mut player = Player::new(&stage, fault, settings, Arc::clone(&truth)).await?;
    // What was there before anybody watched is none of a fault's losses.
    player.step(&Step::Start).await?;
    player.step(&Step::AwaitReady).await?;
    let began = Timestamp::now();
    let pods = Source::start(fault.pods, &stage, &truth).await?;
    player.await_trace().await?;
    let usual = if options.short {
        fault.short_rounds.unwrap_or(1)
    } else {
        fault.rounds
    };
    let rounds = options.rounds.unwrap_or(usual);
    for round in 0..rounds {
        for step in &fault.round {
            player
                .step(step)
                .await
                .with_context(|| format!("round {}: {step:?}", round + 1))?;
        }
    }
    player.step(&Step::Start).await?;
    pods.finish(&stage, &truth).await?;
    let ended = Timestamp::now();
    drop(place);
    let row = player.end(rounds, began, ended, options.short).await;
    leave(&evidence, &stage, &truth).await?;
    row
}

enum Source {
    MadeUp(Producer),
    Real(RealPods),
}

impl Source {
    async fn start(pods: Pods, stage: &Stage, truth: &Arc<Truth>) -> anyhow::Result<Self> {
        let api = stage.api.clone();
        Ok(match pods {
            Pods::MadeUp(rate) => {
                let every = Duration::from_secs_f64(1.0 / rate);
                Self::MadeUp(Producer::start(api, Arc::clone(truth), NAMESPACE, every).await?)
            }
            Pods::Real => Self::Real(RealPods::start(api)),
        })
    }

    async fn finish(self, stage: &Stage, truth: &Truth) -> anyhow::Result<()> {
        match self {
            Self::MadeUp(producer) => producer.finish().await,
            Self::Real(pods) => pods.finish(stage, truth).await,
        }
    }
}

/// What a loss is looked for in.
async fn leave(dir: &Path, stage: &Stage, truth: &Truth) -> anyhow::Result<()> {
    let mut failures = String::new();
    for failure in &truth.taken().failures {
        failures += &format!("{}\n", serde_json::to_string(failure)?);
    }
    fs::write(dir.join("failures.jsonl"), failures)?;
    fs::write(
        dir.join("hookaudits.json"),
        serde_json::to_string_pretty(&stage.audits().await?)?,
    )?;
    Ok(())
}

struct Player<'a> {
    stage: &'a Stage,
    fault: &'a Fault,
    replicas: Vec<Replica>,
    sampler: Sampler,
    prometheus: Option<Prometheus>,
    truth: Arc<Truth>,
    /// Who led when it was disturbed, and when that was.
    struck: Option<(usize, Instant)>,
    down_since: Option<Timestamp>,
    started_at: Timestamp,
    allowance: Allowance,
    /// `HookAudit`s that are not deleted again.
    deleted_once: HashSet<String>,
    takeover_seconds: Vec<f64>,
    problems: Vec<String>,
}

impl<'a> Player<'a> {
    async fn new(
        stage: &'a Stage,
        fault: &'a Fault,
        settings: Settings,
        truth: Arc<Truth>,
    ) -> anyhow::Result<Self> {
        let mut replicas = Vec::new();
        for number in 0..fault.replicas {
            let name = format!("replica-{number}");
            replicas.push(Replica::new(settings.clone(), &name, &stage.kubeconfig).await?);
        }
        let addresses: Vec<_> = replicas.iter().map(Replica::address).collect();
        let prometheus = match fault.scraped {
            true => Some(Prometheus::start(&settings.dir, &addresses).await?),
            false => None,
        };
        Ok(Self {
            stage,
            fault,
            prometheus,
            sampler: Sampler::start(replicas.len()),
            replicas,
            truth,
            struck: None,
            down_since: None,
            started_at: Timestamp::now(),
            allowance: BTreeMap::new(),
            deleted_once: HashSet::new(),
            takeover_seconds: Vec::new(),
            problems: Vec::new(),
        })
    }

    async fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Sleep(least, most) => {
                self.rest(Duration::from_secs_f64(
                    least + fastrand::f64() * (most - least),
                ))
                .await?;
            }
            Step::AwaitFailures(count) => {
                let enough = self.truth.count_failures() + count;
                let began = Instant::now();
                while self.truth.count_failures() < enough && began.elapsed() < PATIENCE {
                    self.rest(LOOK_AGAIN).await?;
                }
            }
            Step::AwaitReady => self.await_ready().await?,
            Step::AwaitTakeover(seconds) => self.await_takeover(*seconds).await?,
            Step::Start => self.start()?,
            Step::Kill(whom) => self.strike(*whom, |replica| {
                replica.kill();
                Ok(())
            })?,
            Step::Terminate(whom) => {
                self.strike(*whom, |replica| block_in_place(|| replica.terminate()))?
            }
            Step::Pause(whom) => self.strike(*whom, |replica| replica.signal("STOP"))?,
            Step::Resume => {
                for replica in self.replicas.iter().filter(|replica| replica.is_running()) {
                    replica.signal("CONT")?;
                }
            }
            Step::Cut(whom, way) => self.strike(*whom, |replica| {
                replica.proxy.set(*way);
                Ok(())
            })?,
            Step::Mend => self
                .replicas
                .iter()
                .for_each(|replica| replica.proxy.set(Way::Open)),
            Step::Component(action, name) => self.stage.component(action, name)?,
            Step::Compact => self.stage.compact().await?,
            Step::Withdraw => self.stage.withdraw()?,
            Step::Grant => self.stage.grant()?,
            Step::RemoveResource => self.stage.remove_resource()?,
            Step::InstallResource => self.stage.install_resource()?,
            Step::DeleteAudits => self.stage.delete_audits(&mut self.deleted_once).await?,
            Step::EditAudits => self.stage.edit_audits().await?,
            Step::ForbidLeaseWatch => self.stage.forbid_lease_watch()?,
            Step::NoteExpired => self.note_expired().await?,
        }
        self.seat();
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.started_at = Timestamp::now();
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| !replica.is_running())
        {
            replica.start()?;
        }
        Ok(())
    }

    /// Does something to the leader or to all, and remembers when.
    fn strike(
        &mut self,
        whom: Whom,
        mut what: impl FnMut(&mut Replica) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let leader = self.sampler.leader();
        let struck: Vec<usize> = match whom {
            Whom::All => (0..self.replicas.len()).collect(),
            Whom::Leader => vec![leader.context("nobody leads")?],
        };
        self.struck = leader.map(|leader| (leader, Instant::now()));
        self.down_since = Some(Timestamp::now());
        for replica in struck {
            what(&mut self.replicas[replica])?;
        }
        Ok(())
    }

    async fn await_ready(&mut self) -> anyhow::Result<()> {
        self.seat();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.revive().await?;
            let replicas = &mut self.replicas;
            let ready = block_in_place(|| {
                replicas
                    .iter_mut()
                    .try_for_each(|replica| replica.wait_until_ready(Duration::from_secs(5)))
            });
            if ready.is_ok() && self.sampler.leader().is_some() {
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
        anyhow::bail!(
            "not ready, or without a leader, after {} s",
            PATIENCE.as_secs()
        )
    }

    /// That somebody watched is told by the Lease or, where there is no election, by the first status.
    async fn await_trace(&self) -> anyhow::Result<()> {
        if self.fault.operator_flags.contains(&"--leader-elect=true") {
            return Ok(());
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let audits = self.stage.audits().await?;
            if items(&audits).any(|audit| audit["status"].is_object()) {
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
        anyhow::bail!("no status after {} s", PATIENCE.as_secs())
    }

    async fn await_takeover(&mut self, limit_seconds: f64) -> anyhow::Result<()> {
        let (before, struck_at) = self.struck.context("nobody led")?;
        while struck_at.elapsed() < PATIENCE {
            let sample = self.sampler.sample();
            let mut others = sample
                .leads_since
                .iter()
                .enumerate()
                .filter(|(replica, _)| *replica != before);
            if let Some(since) = others.find_map(|(_, since)| *since) {
                let seconds = since.saturating_duration_since(struck_at).as_secs_f64();
                self.takeover_seconds.push(seconds);
                if seconds > limit_seconds {
                    self.problems.push(format!(
                        "another led after {seconds:.1} s, not within {limit_seconds} s"
                    ));
                }
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
        anyhow::bail!("nobody took over within {} s", PATIENCE.as_secs())
    }

    /// Failures of the time in which the operator was down whose Events are gone.
    async fn note_expired(&mut self) -> anyhow::Result<()> {
        let Some(down_since) = self.down_since.take() else {
            return Ok(());
        };
        let failures = self.truth.taken().failures;
        let held: HashSet<String> = self.stage.events().await?.into_iter().collect();
        let from = down_since - jiff::SignedDuration::from_secs(UNWRITTEN_SECONDS);
        for failure in failures.into_iter().filter(|failure| {
            (from..self.started_at).contains(&failure.at) && !held.contains(&failure.event)
        }) {
            let place = (failure.namespace.clone(), failure.audit.clone());
            self.allowance.entry(place).or_default().push(failure.at);
        }
        Ok(())
    }

    /// Time passes; who ended by itself is started again.
    async fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.revive().await?;
            sleep(LOOK_AGAIN.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    async fn revive(&mut self) -> anyhow::Result<()> {
        let mut has_ended = false;
        for replica in &mut self.replicas {
            if let Some(words) = replica.has_ended()? {
                has_ended = true;
                if !self.fault.may_end {
                    self.problems
                        .push(format!("{} ended by itself: {words}", replica.name()));
                }
            }
        }
        if has_ended {
            sleep(BACK_OFF).await;
            self.start()?;
            self.seat();
        }
        Ok(())
    }

    fn seat(&self) {
        for (number, replica) in self.replicas.iter().enumerate() {
            let seat = replica.process().map(|process| Seat {
                address: replica.address(),
                process: Some(process),
            });
            self.sampler.seat(number, seat);
        }
    }

    async fn tells_of_unattributed(&self) -> bool {
        for replica in &self.replicas {
            let metrics = get(replica.address(), "/metrics", METRICS_WITHIN)
                .await
                .unwrap_or_default();
            let mut gaps = metrics.lines().filter(|line| line.starts_with(GAPS));
            if gaps.any(|line| line.contains("unattributed") && !line.ends_with(" 0")) {
                return true;
            }
        }
        false
    }

    async fn end(
        mut self,
        times: u32,
        began: Timestamp,
        ended: Timestamp,
        short: bool,
    ) -> anyhow::Result<Row> {
        self.await_ready().await?;
        let book = self.truth.taken();
        let mut settled = settle(self.stage, &book, &self.allowance, short).await?;
        if settled.unattributed > 0 && !self.tells_of_unattributed().await {
            let count = settled.unattributed;
            self.problems.push(format!(
                "{count} failures are of unknown workloads, and no gap tells of it"
            ));
        }
        if let Some(prometheus) = &self.prometheus {
            self.problems
                .extend(prometheus.problems(&book.tallies).await?);
        }
        // At rest, a restart must leave no trace.
        for replica in &mut self.replicas {
            replica.kill();
        }
        let sample = self.sampler.sample();
        self.step(&Step::Start).await?;
        self.await_ready().await?;
        sleep(Duration::from_secs(5)).await;
        let again = settle(self.stage, &book, &self.allowance, true).await?;
        if again.difference.failures() != settled.difference.failures() {
            self.problems.push(format!(
                "a restart at rest changed the tallies:\n  {}",
                again.difference.wrong().join("\n  ")
            ));
        }
        self.problems.append(&mut settled.problems);
        let minutes = ended.duration_since(began).as_secs_f64() / 60.0;
        let requests = requests::count(&self.stage.audit_log()?, began, ended)?;
        if sample.looks_at_two_leaders > 0 {
            self.problems
                .push(format!("two led at {} looks", sample.looks_at_two_leaders));
        }
        Ok(Row {
            name: self.fault.name.to_owned(),
            about: self.fault.about.to_owned(),
            times,
            difference: settled.difference,
            expired: settled.expired,
            unattributed: settled.unattributed,
            gaps: settled.gaps,
            seconds_without_leader: sample.seconds_without_leader,
            takeover_seconds: self.takeover_seconds,
            requests_per_minute: requests as f64 / minutes,
            peak_memory_kibibytes: sample.peak_memory_kibibytes,
            problems: self.problems,
        })
    }
}
