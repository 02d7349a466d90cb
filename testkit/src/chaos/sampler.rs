//! Who leads, for how long nobody did, and how much memory was needed: looked at again and again.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
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
    has_had_leader: bool,
}

pub struct Sampler {
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
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
            has_had_leader: false,
        }));
        let task = tokio::spawn(look(Arc::clone(&shared)));
        Self { shared, task }
    }

    pub fn seat(&self, replica: usize, seat: Option<Seat>) {
        locked(&self.shared).seats[replica] = seat;
    }

    pub fn sample(&self) -> Sample {
        locked(&self.shared).sample.clone()
    }

    pub fn leader(&self) -> Option<usize> {
        locked(&self.shared)
            .sample
            .leads_since
            .iter()
            .position(Option::is_some)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(shared: Arc<Mutex<Shared>>) {
    let mut last = Instant::now();
    loop {
        let seats = locked(&shared).seats.clone();
        let asked = seats.iter().map(|seat| async move {
            match seat {
                Some(seat) => leads(seat.address).await,
                None => false,
            }
        });
        let leads = futures::future::join_all(asked).await;
        let peak = seats
            .iter()
            .flatten()
            .filter_map(|seat| peak_memory(seat.process?))
            .max();
        locked(&shared).take(&leads, peak, last.elapsed());
        last = Instant::now();
        sleep(EVERY).await;
    }
}

impl Shared {
    fn take(&mut self, leads: &[bool], peak: Option<u64>, passed: Duration) {
        let leaders = leads.iter().filter(|leads| **leads).count();
        let sample = &mut self.sample;
        if leaders == 0 && self.has_had_leader {
            sample.seconds_without_leader += passed.as_secs_f64();
        }
        self.has_had_leader |= leaders > 0;
        sample.looks_at_two_leaders += u64::from(leaders > 1);
        sample.peak_memory_kibibytes = sample.peak_memory_kibibytes.max(peak.unwrap_or_default());
        for (since, leads) in sample.leads_since.iter_mut().zip(leads) {
            *since = leads.then(|| since.unwrap_or_else(Instant::now));
        }
    }
}

/// Without an election, whoever is ready leads.
async fn leads(address: SocketAddr) -> bool {
    let metrics = get(address, "/metrics", ANSWER_WITHIN)
        .await
        .unwrap_or_default();
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
