use std::time::Duration;

use super::Options;
use crate::audit::seen::{EventReason, Resource, Stream};

/// Events about pods that a verdict reads.
const POD_REASONS: [EventReason; 10] = [
    EventReason::FailedPostStartHook,
    EventReason::FailedPreStopHook,
    EventReason::Killing,
    EventReason::FailedKillPod,
    EventReason::ExceededGracePeriod,
    EventReason::Evicted,
    EventReason::Preempting,
    EventReason::Preempted,
    EventReason::TaintManagerEviction,
    EventReason::FailedUnMount,
];

/// Events about nodes; a kubelet writes them into the namespace `default`.
const NODE_REASONS: [EventReason; 2] = [EventReason::Starting, EventReason::Shutdown];
const NAMESPACE_OF_NODE_EVENTS: &str = "default";

/// One list and watch that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub stream: Stream,
    /// `None` for all namespaces, and for resources without any.
    pub namespace: Option<String>,
    pub field_selector: Option<String>,
    /// How long the API server keeps a watch open; a dead connection is noticed 5 s later.
    pub timeout_seconds: u32,
}

impl Planned {
    /// A stream that was not heard of for so long is told to be broken before it can be listed again. This is
    /// told of Events alone, because verdicts rest on their absence; what broke is listed, not gone on with.
    pub(super) fn broken_after(&self) -> Option<Duration> {
        const BEGUN_ANEW_WITHIN: Duration = Duration::from_secs(20);
        let lasts = Duration::from_secs(self.timeout_seconds.into());
        (self.stream.resource == Resource::Events).then_some(lasts + BEGUN_ANEW_WITHIN)
    }
}

/// The streams of each stage; one stage is listed before the next is started.
pub(super) fn stages(options: &Options) -> Vec<Vec<Planned>> {
    [
        &[Resource::HookAudits][..],
        &[Resource::Namespaces],
        &[Resource::ReplicaSets, Resource::Jobs, Resource::Nodes],
        &[Resource::Pods],
        &[Resource::Events],
    ]
    .iter()
    .map(|stage| {
        let wanted = stage
            .iter()
            .filter(|resource| options.resources.contains(resource));
        wanted
            .flat_map(|resource| streams(*resource, &options.namespaces))
            .collect()
    })
    .filter(|stage: &Vec<Planned>| !stage.is_empty())
    .collect()
}

fn streams(resource: Resource, namespaces: &[String]) -> Vec<Planned> {
    match resource {
        Resource::Events => events(namespaces),
        Resource::Nodes => vec![planned(resource, None, None)],
        Resource::Namespaces if !namespaces.is_empty() => namespaces
            .iter()
            .map(|name| planned(resource, None, Some(format!("metadata.name={name}"))))
            .collect(),
        _ => scopes(namespaces)
            .map(|namespace| planned(resource, namespace, None))
            .collect(),
    }
}

fn events(namespaces: &[String]) -> Vec<Planned> {
    let of_pods = scopes(namespaces).flat_map(|namespace| {
        POD_REASONS.map(|reason| {
            let selector = format!("reason={}", reason.as_str());
            planned(Resource::Events, namespace.clone(), Some(selector))
        })
    });
    let of_nodes = NODE_REASONS.map(|reason| {
        let selector = format!("reason={},involvedObject.kind=Node", reason.as_str());
        let namespace = Some(NAMESPACE_OF_NODE_EVENTS.to_owned());
        let mut planned = planned(Resource::Events, namespace, Some(selector));
        planned.stream.selector = Some(format!("reason={}", reason.as_str()).into());
        planned
    });
    let mut all: Vec<Planned> = of_pods.chain(of_nodes).collect();
    // Not all in the same second.
    for (seconds, planned) in (0..40).cycle().step_by(7).zip(&mut all) {
        planned.timeout_seconds += seconds;
    }
    all
}

fn scopes(namespaces: &[String]) -> impl Iterator<Item = Option<String>> {
    let everywhere = namespaces.is_empty().then_some(None);
    everywhere
        .into_iter()
        .chain(namespaces.iter().cloned().map(Some))
}

/// Load balancers cut what is silent for 240 s. Events show no other sign of life than that a watch of them can
/// be begun anew, and what rests on their absence waits 150 s.
const fn timeout_seconds(resource: Resource) -> u32 {
    match resource {
        Resource::Events => 70,
        Resource::Pods => 120,
        _ => 150,
    }
}

fn planned(
    resource: Resource,
    namespace: Option<String>,
    field_selector: Option<String>,
) -> Planned {
    let stream = Stream {
        resource,
        selector: field_selector.as_deref().map(Box::from),
    };
    let stream = match &namespace {
        Some(namespace) => stream.within(namespace),
        None => stream,
    };
    Planned {
        stream,
        namespace,
        field_selector,
        timeout_seconds: timeout_seconds(resource),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_first_lists_come_in_the_order_of_the_contract() {
        let stages = stages(&Options::default());
        let resources: Vec<Vec<Resource>> = stages
            .iter()
            .map(|stage| {
                stage
                    .iter()
                    .map(|planned| planned.stream.resource)
                    .collect()
            })
            .collect();
        assert_eq!(
            resources,
            [
                vec![Resource::HookAudits],
                vec![Resource::Namespaces],
                vec![Resource::ReplicaSets, Resource::Jobs, Resource::Nodes],
                vec![Resource::Pods],
                vec![Resource::Events; 12],
            ]
        );
        assert_eq!(stages[3][0].stream.selector, None);
        let selectors = |planned: &Planned| planned.stream.selector.clone().unwrap();
        assert_eq!(
            selectors(&stages[4][0]).as_ref(),
            "reason=FailedPostStartHook"
        );
        let starting = &stages[4][10];
        assert_eq!(selectors(starting).as_ref(), "reason=Starting");
        assert_eq!(starting.namespace.as_deref(), Some("default"));
        let selector = "reason=Starting,involvedObject.kind=Node";
        assert_eq!(starting.field_selector.as_deref(), Some(selector));
    }

    #[test]
    fn chosen_namespaces_have_streams_of_their_own() {
        let options = Options {
            namespaces: vec!["a".to_owned(), "b".to_owned()],
            resources: vec![
                Resource::Namespaces,
                Resource::Nodes,
                Resource::Pods,
                Resource::Events,
            ],
            ..Options::default()
        };
        let all: Vec<Planned> = stages(&options).into_iter().flatten().collect();
        assert_eq!(all.len(), 2 + 1 + 2 + 20 + 2);
        assert_eq!(all[1].field_selector.as_deref(), Some("metadata.name=b"));
        assert_eq!(
            (all[2].namespace.as_deref(), all[2].stream.resource),
            (None, Resource::Nodes)
        );
        assert_eq!(
            all[4].stream.selector.as_deref(),
            Some("metadata.namespace=b")
        );
        let killing = "metadata.namespace=a,reason=Killing";
        assert_eq!(all[7].stream.selector.as_deref(), Some(killing));
        let streams: BTreeSet<_> = all.iter().map(|planned| &planned.stream).collect();
        assert_eq!(streams.len(), all.len());
        for planned in all {
            assert!(planned.timeout_seconds < 240);
            let broken_after = planned.broken_after();
            let is_of_events = planned.stream.resource == Resource::Events;
            assert_eq!(broken_after.is_some(), is_of_events);
            assert!(broken_after.is_none_or(|after| after.as_secs() <= 130));
        }
    }
}
