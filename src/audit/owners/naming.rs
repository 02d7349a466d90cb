//! How controllers name their pods, read backwards.
//!
//! A generated name is its base, cut to 58 characters, and 5 random ones
//! (apiserver/pkg/storage/names/generate.go); the pods of an indexed Job carry their index before
//! those (pkg/controller/job/indexed_job_utils.go); a CronJob's job ends in the minutes since 1970
//! (pkg/controller/cronjob/cronjob_controllerv2.go).

/// How an owner's name is part of a pod's, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The owner made the pod.
    Direct,
    /// The owner is a Job that made the pod, if it is an indexed one.
    Indexed,
    /// The owner made a ReplicaSet or Job, no longer known, that made the pod.
    Climbed,
}

/// How a kind of owner names pods.
#[derive(Debug, Clone, Copy)]
pub(super) enum Maker {
    Generated,
    Job,
    StatefulSet,
    Deployment,
    CronJob,
    /// A kind that is not Kubernetes' own names them as one of those, or as itself.
    Other,
}

impl Maker {
    pub(super) fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("apps", "ReplicaSet" | "DaemonSet") | ("", "ReplicationController") => {
                Some(Self::Generated)
            }
            ("apps", "StatefulSet") => Some(Self::StatefulSet),
            ("apps", "Deployment") => Some(Self::Deployment),
            ("batch", "Job") => Some(Self::Job),
            ("batch", "CronJob") => Some(Self::CronJob),
            ("", "Pod") => None,
            _ => Some(Self::Other),
        }
    }

    /// Whether `owner` gave the pod its name; `stems` are the readings of that.
    pub(super) fn fit(self, owner: &str, pod: &str, stems: &[Stem<'_>]) -> Option<Fit> {
        let generated = || stems.iter().any(|stem| !stem.indexed && stem.is_of(owner));
        let hashed = || {
            let is_hash = |middle: &str| middle.len() <= 10 && is_safe(middle);
            stems
                .iter()
                .any(|stem| !stem.indexed && stem.is_of_child(owner, 1, is_hash))
        };
        let numbered = || ordinal_split(pod).is_some_and(|(base, _)| base == owner);
        match self {
            Self::Generated => generated().then_some(Fit::Direct),
            Self::Job if generated() => Some(Fit::Direct),
            Self::Job => stems
                .iter()
                .any(|stem| stem.is_of(owner))
                .then_some(Fit::Indexed),
            Self::StatefulSet => numbered().then_some(Fit::Direct),
            Self::Deployment => hashed().then_some(Fit::Climbed),
            Self::CronJob => stems
                .iter()
                .any(|stem| stem.is_of_child(owner, 7, is_minutes))
                .then_some(Fit::Climbed),
            Self::Other if owner == pod || numbered() || generated() => Some(Fit::Direct),
            Self::Other => hashed().then_some(Fit::Climbed),
        }
    }
}

/// The name of the pod's maker as the pod's name shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stem<'a> {
    text: &'a str,
    /// Only the beginning of the maker's name, because the pod's had no room for all of it.
    pub(super) cut: bool,
    /// The index of an indexed Job's pod was found behind it.
    indexed: bool,
}

const RANDOM_LENGTH: usize = 5;
const GENERATED_BASE_LENGTH_MAX: usize = 58;

impl<'a> Stem<'a> {
    /// Every reading of a generated name; none for another name.
    pub(super) fn all(pod_name: &'a str) -> Vec<Self> {
        let mut stems = Vec::new();
        let Some((prefix, random)) = pod_name
            .len()
            .checked_sub(RANDOM_LENGTH)
            .and_then(|at| pod_name.split_at_checked(at))
        else {
            return stems;
        };
        if !is_safe(random) {
            return stems;
        }
        let full = prefix.len() == GENERATED_BASE_LENGTH_MAX;
        let mut add = |text: &'a str, cut, indexed| {
            if !text.is_empty() {
                stems.push(Self { text, cut, indexed });
            }
        };
        if full {
            add(prefix, true, false);
        }
        if let Some(name) = prefix.strip_suffix('-') {
            add(name, false, false);
            if let Some((job, _index)) = ordinal_split(name) {
                add(job, false, true);
                if full {
                    add(job, true, true);
                }
            }
        }
        stems
    }

    fn is_of(&self, owner: &str) -> bool {
        owner == self.text || self.cut && owner.starts_with(self.text)
    }

    /// Whether `owner`, a hyphen and something that `is_middle` is the maker's name.
    fn is_of_child(
        &self,
        owner: &str,
        middle_length_min: usize,
        is_middle: impl Fn(&str) -> bool,
    ) -> bool {
        if self.cut && owner.starts_with(self.text) {
            return true;
        }
        let Some(rest) = self.text.strip_prefix(owner) else {
            return false;
        };
        let Some(middle) = rest.strip_prefix('-') else {
            return false;
        };
        if self.cut {
            let middle = middle.strip_suffix('-').unwrap_or(middle);
            return is_middle(middle);
        }
        middle.len() >= middle_length_min && is_middle(middle)
    }
}

/// `k8s.io/apimachinery/pkg/util/rand`: no vowels and nothing that looks like one.
fn is_safe(text: &str) -> bool {
    text.bytes()
        .all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

/// Whether this can be the hash of a pod template: a number of 32 bits, spelt in the safe alphabet.
pub(super) fn is_template_hash(text: &str) -> bool {
    (1..=10).contains(&text.len()) && is_safe(text)
}

/// Whether this can be the time in a CronJob's job: minutes, formerly seconds, since 1970.
fn is_minutes(text: &str) -> bool {
    text.len() <= 11 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name and the ordinal behind its last hyphen.
pub(super) fn ordinal_split(name: &str) -> Option<(&str, &str)> {
    let (base, ordinal) = name.rsplit_once('-')?;
    let is_ordinal = (1..=10).contains(&ordinal.len())
        && ordinal.bytes().all(|byte| byte.is_ascii_digit())
        && (ordinal == "0" || !ordinal.starts_with('0'));
    (is_ordinal && !base.is_empty()).then_some((base, ordinal))
}
