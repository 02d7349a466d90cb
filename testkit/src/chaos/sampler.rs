//! Who leads, for how long nobody did, and how much memory was needed: looked at again and again.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::http::get;

const EVERY: Duration = Duration::from_millis(200);
/// A process that does not answer so fast does not lead as far as anybody can see.
const ANSWER_WITHIN: Duration = Duration::from_millis(1500);
const MASTER: &str = "leader_election_master_status";

/// Where a replica is to be found now.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    pub address: SocketAddr,
    pub process: Option<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Since when each replica says that it leads.
    pub leads_since: Vec<Option<Instant>>,
    pub seconds_without_leader: f64,
    /// Looks at which more than one said so.
    pub looks_at_two_leaders: u64,
    pub peak_memory_kibibytes: u64,
}

#[derive(Debug, Default)]
struct Shared {
    seats: Vec<Option<Seat>>,
    sample: Sample,
    /// When each replica was last asked and said that it leads.
    confirmed_at: Vec<Option<Instant>>,
    has_had_leader: bool,
}

/// One that does not answer keeps no other waiting.
pub struct Sampler {
    shared: Arc<Mutex<Shared>>,
    tasks: JoinSet<()>,
}

impl Sampler {
    pub fn start(replicas: usize) -> Self {
        let sample = Sample {
            leads_since: vec![None; replicas],
            ..Sample::default()
        };
        let shared = Arc::new(Mutex::new(Shared {
            seats: vec![None; replicas],
            sample,
            confirmed_at: vec![None; replicas],
            has_had_leader: false,
        }));
        let mut tasks = JoinSet::new();
        for replica in 0..replicas {
            tasks.spawn(look_at(replica, Arc::clone(&shared)));
        }
        tasks.spawn(count(Arc::clone(&shared)));
        Self { shared, tasks }
    }

    pub fn seat(&self, replica: usize, seat: Option<Seat>) {
        locked(&self.shared).seats[replica] = seat;
    }

    pub fn sample(&self) -> Sample {
        locked(&self.shared).sample.clone()
    }

    pub fn leader(&self) -> Option<usize> {
        let shared = locked(&self.shared);
        shared.sample.leads_since.iter().position(Option::is_some)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

async fn look_at(replica: usize, shared: Arc<Mutex<Shared>>) {
    loop {
        let seat = locked(&shared).seats[replica];
        let asked_at = Instant::now();
        let (leads, peak) = match seat {
            Some(seat) => (
                leads(seat.address).await,
                seat.process.and_then(peak_memory),
            ),
            None => (false, None),
        };
        locked(&shared).take(replica, leads.then_some(asked_at), peak);
        sleep(EVERY).await;
    }
}

async fn count(shared: Arc<Mutex<Shared>>) {
    let mut last = Instant::now();
    loop {
        sleep(EVERY).await;
        locked(&shared).pass(last.elapsed());
        last = Instant::now();
    }
}

impl Shared {
    fn take(&mut self, replica: usize, leads_at: Option<Instant>, peak: Option<u64>) {
        let sample = &mut self.sample;
        sample.peak_memory_kibibytes = sample.peak_memory_kibibytes.max(peak.unwrap_or_default());
        let since = &mut sample.leads_since[replica];
        *since = leads_at.map(|_| since.unwrap_or_else(Instant::now));
        self.confirmed_at[replica] = leads_at;
        let others = (0..self.confirmed_at.len()).filter(|other| *other != replica);
        let both_lead =
            |other: &usize| self.leads_after(replica, *other) && self.leads_after(*other, replica);
        if others.into_iter().any(|other| both_lead(&other)) {
            self.sample.looks_at_two_leaders += 1;
        }
    }

    /// Whether one was asked after another was known to lead, and said that it leads.
    fn leads_after(&self, one: usize, other: usize) -> bool {
        let since = self.sample.leads_since[other];
        let confirmed = self.confirmed_at[one];
        confirmed
            .zip(since)
            .is_some_and(|(confirmed, since)| confirmed > since)
    }

    fn pass(&mut self, time: Duration) {
        let has_leader = self.sample.leads_since.iter().any(Option::is_some);
        if !has_leader && self.has_had_leader {
            self.sample.seconds_without_leader += time.as_secs_f64();
        }
        self.has_had_leader |= has_leader;
    }
}

/// Without an election, whoever is ready leads.
async fn leads(address: SocketAddr) -> bool {
    let Ok(metrics) = get(address, "/metrics", ANSWER_WITHIN).await else {
        return false;
    };
    let mut status = metrics.lines().filter(|line| line.starts_with(MASTER));
    match status.next() {
        Some(line) => line.ends_with(" 1"),
        None => get(address, "/readyz", ANSWER_WITHIN).await.is_ok(),
    }
}

/// Since the process began.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
