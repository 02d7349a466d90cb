//! Several candidates, an API server and the network between them, in made-up time.

use std::collections::BTreeMap;

use super::*;

/// What goes wrong with a candidate, or with the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// As by SIGSTOP: nothing is handled until it is over.
    Paused,
    /// Nothing gets through.
    Cut,
    /// What is asked for happens, and no answer comes back.
    Deaf,
    /// The API server refuses every call at once.
    Refused,
    /// Everything takes up to eight seconds.
    Slow,
    /// The watch stays open and tells nothing.
    SilentWatch,
    NoWatch,
    /// The wall clock is an hour ahead.
    WallClock,
    /// Killed and started again, under a new name.
    Killed,
    /// Ended in order, and started again.
    Ended,
    /// Somebody deletes the Lease.
    Deleted,
    /// Somebody puts a label on the Lease.
    Touched,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) at_seconds: u64,
    pub(super) seconds: u64,
    pub(super) candidate: usize,
    pub(super) trouble: Trouble,
}

/// With the number of the call or of the watch that it belongs to.
#[derive(Debug)]
enum Event {
    Arrives(u64, Box<Request>),
    Answers(u64, Input),
    WatchArrives(u64, String),
    Tells(u64, Input),
    Wakes,
    Begins(Fault),
}

struct Node {
    election: Election,
    /// How fast its clock goes, in percent.
    pace: u64,
    calls: u64,
    watch: Option<u64>,
    watches: u64,
    watch_told_at: u64,
    watch_not_before: u64,
    troubles: Vec<(Trouble, u64)>,
    /// Calls and watches begun, per minute.
    requests: BTreeMap<u64, u32>,
    stopping: bool,
}

pub(super) struct World {
    origin: Instant,
    now_millis: u64,
    nodes: Vec<Node>,
    lease: Option<Lease>,
    version: u64,
    events: BTreeMap<(u64, u64), (usize, Event)>,
    number: u64,
    random: u64,
    /// Whose terms began, one after the other.
    pub(super) successions: Vec<usize>,
}

const REQUESTS_PER_MINUTE_MAX: u32 = 120;
const RESTART_MILLIS: u64 = 3_000;

impl World {
    pub(super) fn new(candidates: usize, seed: u64, faults: &[Fault]) -> Self {
        let origin = Instant::now();
        let mut world = Self {
            origin,
            now_millis: 0,
            nodes: Vec::new(),
            lease: None,
            version: 0,
            events: BTreeMap::new(),
            number: 0,
            random: seed,
            successions: Vec::new(),
        };
        for candidate in 0..candidates {
            let identity = settings(&format!("{candidate}.0"));
            let pace = 98 + world.random(5);
            world.nodes.push(Node {
                election: Election::new(identity, seed, origin),
                pace,
                calls: 0,
                watch: None,
                watches: 0,
                watch_told_at: 0,
                watch_not_before: 0,
                troubles: Vec::new(),
                requests: BTreeMap::new(),
                stopping: false,
            });
            let at = world.random(3_000);
            world.schedule(at, candidate, Event::Wakes);
        }
        for fault in faults {
            let (at, candidate) = (fault.at_seconds * 1_000, fault.candidate % candidates);
            world.schedule(at, candidate, Event::Begins(*fault));
        }
        world
    }

    /// Goes on to this time; says so where two could write at once, or one asks without end.
    pub(super) fn run(&mut self, until_seconds: u64) -> Result<(), String> {
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= until_seconds * 1_000
        {
            let ((at, _), (node, event)) = entry.remove_entry();
            self.now_millis = at;
            let of_candidate =
                matches!(event, Event::Answers(..) | Event::Tells(..) | Event::Wakes);
            if let Some(until) = self
                .suffers(node, &[Trouble::Paused])
                .filter(|_| of_candidate)
            {
                self.schedule(until, node, event);
                continue;
            }
            let led = self.leader();
            self.happens(node, event);
            let leading = self.leading();
            if leading.len() > 1 {
                return Err(format!("at {at} ms {leading:?} lead"));
            }
            if led != self.leader() {
                self.successions.extend(self.leader());
            }
            let requests = self.nodes[node].requests.last_key_value();
            if let Some((minute, calls)) =
                requests.filter(|(_, calls)| **calls > REQUESTS_PER_MINUTE_MAX)
            {
                return Err(format!("{node} asked {calls} times in minute {minute}"));
            }
        }
        self.now_millis = until_seconds * 1_000;
        Ok(())
    }

    pub(super) fn leader(&self) -> Option<usize> {
        self.leading().first().copied()
    }

    /// All whose deadline lies ahead, also of those that are stopped.
    fn leading(&self) -> Vec<usize> {
        let leads = |node: &usize| {
            let election = &self.nodes[*node].election;
            election.term(self.local(*node)).is_some()
        };
        (0..self.nodes.len()).filter(leads).collect()
    }

    fn happens(&mut self, node: usize, event: Event) {
        match event {
            Event::Arrives(number, request) => return self.serve(node, number, *request),
            Event::WatchArrives(number, version) => {
                return self.begin_watch(node, number, &version);
            }
            Event::Wakes => {}
            Event::Answers(number, input) if number == self.nodes[node].calls => {
                self.nodes[node].calls += 1;
                if matches!(input, Input::Conflict) && self.nodes[node].watch.is_some() {
                    self.end_watch(node);
                }
                self.tell(node, input);
            }
            Event::Tells(number, input) if self.nodes[node].watch == Some(number) => {
                self.tell(node, input);
            }
            Event::Answers(..) | Event::Tells(..) => return,
            Event::Begins(fault) => self.begin(node, fault),
        }
        self.pump(node);
    }

    fn begin(&mut self, node: usize, fault: Fault) {
        match fault.trouble {
            Trouble::Killed => self.restart(node),
            Trouble::Ended => {
                self.nodes[node].stopping = true;
                self.tell(node, Input::Stop);
            }
            Trouble::Deleted => {
                // Who starts in the moment in which there is none makes one: client-go's candidates do so too.
                if self
                    .nodes
                    .iter()
                    .all(|node| node.election.version().is_some())
                {
                    self.version += 1;
                    self.lease = None;
                    self.broadcast();
                }
            }
            Trouble::Touched => {
                self.version += 1;
                if let Some(lease) = &mut self.lease {
                    lease.metadata.resource_version = Some(self.version.to_string());
                    self.broadcast();
                }
            }
            trouble => {
                let until = self.now_millis + fault.seconds * 1_000;
                self.nodes[node].troubles.push((trouble, until));
            }
        }
    }

    /// Not while the Lease is gone and somebody leads on without it: a candidate that starts then makes one.
    fn restart(&mut self, node: usize) {
        let others_lead = self.leading().iter().any(|leading| *leading != node);
        if self.lease.is_none() && others_lead {
            return self.schedule(self.now_millis + RESTART_MILLIS, node, Event::Wakes);
        }
        let starts_at = self.local_at(node, self.now_millis + RESTART_MILLIS);
        self.number += 1;
        let identity = settings(&format!("{node}.{}", self.number));
        let candidate = &mut self.nodes[node];
        candidate.election = Election::new(identity, self.number, starts_at);
        candidate.calls += 1;
        candidate.watch = None;
        candidate.stopping = false;
    }

    fn tell(&mut self, node: usize, input: Input) {
        let now = self.local(node);
        self.nodes[node].election.handle(now, input);
    }

    /// What the elector does between two inputs.
    fn pump(&mut self, node: usize) {
        let now = self.local(node);
        if self.nodes[node].stopping && self.nodes[node].election.finished(now) {
            self.restart(node);
        }
        let ahead = self
            .suffers(node, &[Trouble::WallClock])
            .map_or(0, |_| 3_600_000);
        let millis = i64::try_from(1_800_000_000_000 + self.now_millis + ahead).unwrap();
        let stamp = Timestamp::from_millisecond(millis).unwrap();
        if let Some(call) = self.nodes[node].election.poll_call(now, stamp) {
            self.ask(node, call);
        }
        let candidate = &mut self.nodes[node];
        if candidate.election.term(now).is_some() {
            candidate.watch = None;
            candidate.election.handle(now, Input::WatchEnded);
        } else if candidate.watch.is_none()
            && self.now_millis >= candidate.watch_not_before
            && let Some(version) = candidate.election.version().map(ToOwned::to_owned)
        {
            candidate.watches += 1;
            let number = candidate.watches;
            candidate.watch = Some(number);
            self.count(node);
            let at = self.now_millis + self.delay(node);
            self.schedule(at, node, Event::WatchArrives(number, version));
        }
        if let Some(wake) = self.nodes[node].election.poll_timeout(now) {
            let at = self.true_millis(node, wake).max(self.now_millis + 1);
            self.schedule(at, node, Event::Wakes);
        }
    }

    fn ask(&mut self, node: usize, call: Call) {
        self.count(node);
        let number = self.nodes[node].calls;
        let over = self.true_millis(node, self.local(node) + call.limit);
        self.schedule(over, node, Event::Answers(number, Input::Failed));
        if self.suffers(node, &[Trouble::Cut]).is_some() {
            return;
        }
        let event = match self.suffers(node, &[Trouble::Refused]) {
            Some(_) => Event::Answers(number, Input::Failed),
            None => Event::Arrives(number, Box::new(call.request)),
        };
        let at = self.now_millis + self.delay(node);
        self.schedule(at, node, event);
    }

    /// A request may arrive after its caller has given it up.
    fn serve(&mut self, node: usize, number: u64, request: Request) {
        let input = self.answer(request);
        if self.suffers(node, &[Trouble::Deaf, Trouble::Cut]).is_none() {
            let at = self.now_millis + self.delay(node);
            self.schedule(at, node, Event::Answers(number, input));
        }
    }

    fn answer(&mut self, request: Request) -> Input {
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        let mut written = match (request, &self.lease) {
            (Request::Get, found) => return Input::Found(found.clone().map(Box::new)),
            (Request::Create(_), Some(_)) => return Input::Conflict,
            (Request::Replace(_), None) => return Input::Found(None),
            (Request::Replace(lease), Some(stored)) if version(&lease) != version(stored) => {
                return Input::Conflict;
            }
            (Request::Create(lease) | Request::Replace(lease), _) => lease,
        };
        self.version += 1;
        written.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(written.clone());
        self.broadcast();
        Input::Written(Box::new(written))
    }

    fn broadcast(&mut self) {
        for node in 0..self.nodes.len() {
            if let Some(number) = self.nodes[node].watch {
                let input = Input::Watched(self.lease.clone().map(Box::new));
                self.tell_by_watch(node, number, input);
            }
        }
    }

    fn begin_watch(&mut self, node: usize, number: u64, version: &str) {
        if self.nodes[node].watch != Some(number) {
            return;
        }
        let refusing = [
            Trouble::NoWatch,
            Trouble::Cut,
            Trouble::Refused,
            Trouble::Deaf,
        ];
        if self.suffers(node, &refusing).is_some() {
            self.nodes[node].watch = None;
            self.nodes[node].watch_not_before = self.now_millis + 10_000;
            return;
        }
        self.tell_by_watch(node, number, Input::WatchBegan);
        let stored = self.lease.as_ref();
        if stored.and_then(|lease| lease.metadata.resource_version.as_deref()) != Some(version) {
            let input = Input::Watched(self.lease.clone().map(Box::new));
            self.tell_by_watch(node, number, input);
        }
    }

    /// In the order in which it happened, some time later.
    fn tell_by_watch(&mut self, node: usize, number: u64, input: Input) {
        let silent = [Trouble::SilentWatch, Trouble::Cut, Trouble::Deaf];
        if self.suffers(node, &silent).is_some() {
            return;
        }
        let at = (self.now_millis + self.delay(node)).max(self.nodes[node].watch_told_at + 1);
        self.nodes[node].watch_told_at = at;
        self.schedule(at, node, Event::Tells(number, input));
    }

    fn end_watch(&mut self, node: usize) {
        self.nodes[node].watch = None;
        self.nodes[node].watch_not_before = self.now_millis + 2_000;
        self.tell(node, Input::WatchEnded);
    }

    /// Until when it does.
    fn suffers(&self, node: usize, troubles: &[Trouble]) -> Option<u64> {
        let lasting = self.nodes[node].troubles.iter();
        lasting
            .filter(|(trouble, until)| troubles.contains(trouble) && *until > self.now_millis)
            .map(|(_, until)| *until)
            .max()
    }

    fn delay(&mut self, node: usize) -> u64 {
        match self.suffers(node, &[Trouble::Slow]) {
            Some(_) => self.random(8_000),
            None => 1 + self.random(100),
        }
    }

    fn count(&mut self, node: usize) {
        let minute = self.now_millis / 60_000;
        *self.nodes[node].requests.entry(minute).or_default() += 1;
    }

    fn local(&self, node: usize) -> Instant {
        self.local_at(node, self.now_millis)
    }

    fn local_at(&self, node: usize, millis: u64) -> Instant {
        self.origin + Duration::from_micros(millis * 10 * self.nodes[node].pace)
    }

    /// The first millisecond in which the candidate's own clock is there.
    fn true_millis(&self, node: usize, local: Instant) -> u64 {
        let micros = u64::try_from((local - self.origin).as_micros()).unwrap();
        micros.div_ceil(10 * self.nodes[node].pace)
    }

    fn schedule(&mut self, at_millis: u64, node: usize, event: Event) {
        self.number += 1;
        self.events.insert((at_millis, self.number), (node, event));
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }
}
