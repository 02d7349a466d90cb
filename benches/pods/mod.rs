//! Pods as an API server sends them: fields in Go's order, managedFields, probes, volumes.

use std::fmt::Write;

const CONDITIONS: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

/// The pod of this number: one or two containers, hooks of all kinds, some terminating.
pub(crate) fn pod(number: usize) -> String {
    let name = format!(
        "checkout-{:x}-{:05x}",
        number % 40 * 0x1f_31d7,
        number * 7919 % 0xf_ffff
    );
    let mut json = String::with_capacity(12_000);
    json.push_str("{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":");
    metadata(&mut json, number, &name);
    json.push_str(",\"spec\":{\"volumes\":[");
    for volume in 0..2 + number % 2 {
        let _ = write!(
            json,
            "{}{{\"name\":\"config-{volume}\",\"configMap\":{{\"name\":\"checkout-{volume}\",\"defaultMode\":420,\
             \"items\":[{{\"key\":\"app.yaml\",\"path\":\"app.yaml\"}}]}}}}",
            comma(volume)
        );
    }
    json.push_str("],\"containers\":[");
    let containers = 1 + number % 2;
    for container in 0..containers {
        json.push_str(comma(container));
        self::container(&mut json, number, container);
    }
    let _ = write!(
        json,
        "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":{},\"dnsPolicy\":\"ClusterFirst\",\
         \"serviceAccountName\":\"checkout\",\"serviceAccount\":\"checkout\",\"nodeName\":\"node-{:04}\",\
         \"securityContext\":{{\"runAsUser\":1000,\"fsGroup\":2000}},\"schedulerName\":\"default-scheduler\",\
         \"tolerations\":[{{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\
         \"tolerationSeconds\":300}},{{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\",\
         \"effect\":\"NoExecute\",\"tolerationSeconds\":300}}],\"priority\":0,\"enableServiceLinks\":true,\
         \"preemptionPolicy\":\"PreemptLowerPriority\"}},\"status\":",
        30 + number % 60,
        number % 5000
    );
    status(&mut json, number, containers);
    json.push('}');
    json
}

const fn comma(index: usize) -> &'static str {
    if index == 0 { "" } else { "," }
}

fn metadata(json: &mut String, number: usize, name: &str) {
    let _ = write!(
        json,
        "{{\"name\":\"{name}\",\"generateName\":\"checkout-\",\"namespace\":\"team-{:03}\",\
         \"uid\":\"{number:08x}-51c9-4f1a-9d3e-{number:012x}\",\"resourceVersion\":\"{}\",\"generation\":1,\
         \"creationTimestamp\":\"2026-11-22T{:02}:17:05Z\",",
        number % 300,
        9_000_000 + number,
        number % 24
    );
    if number.is_multiple_of(10) {
        json.push_str(
            "\"deletionTimestamp\":\"2026-11-22T16:03:10Z\",\"deletionGracePeriodSeconds\":30,",
        );
    }
    json.push_str(
        "\"labels\":{\"app.kubernetes.io/name\":\"checkout\",\"pod-template-hash\":\"5f7d8c9b6\"},",
    );
    json.push_str(
        "\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"2026-11-20T09:00:00Z\",",
    );
    let _ = write!(
        json,
        "\"prometheus.io/scrape\":\"true\",\"checksum/config\":\"{number:064x}\"}},"
    );
    let _ = write!(
        json,
        "\"ownerReferences\":[{{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"checkout-5f7d8c9b6\",\
         \"uid\":\"{:08x}-0000-4000-8000-000000000001\",\"controller\":true,\"blockOwnerDeletion\":true}}],\
         \"managedFields\":[",
        number / 10
    );
    managed_fields(json, number);
    json.push_str("]}");
}

/// As the controller, the scheduler and the kubelet leave them on a pod with this many containers.
fn managed_fields(json: &mut String, number: usize) {
    json.push_str(
        "{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\
         \"time\":\"2026-11-22T10:17:05Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\
         \"f:annotations\":{\".\":{},\"f:checksum/config\":{},\"f:kubectl.kubernetes.io/restartedAt\":{},\
         \"f:prometheus.io/scrape\":{}},\"f:generateName\":{},\"f:labels\":{\".\":{},\
         \"f:app.kubernetes.io/name\":{},\"f:pod-template-hash\":{}},\"f:ownerReferences\":{\".\":{},\
         \"k:{\\\"uid\\\":\\\"5d2c0f6e-0000-4000-8000-000000000001\\\"}\":{}}},\"f:spec\":{\"f:containers\":{",
    );
    for container in 0..=number % 2 {
        let _ = write!(
            json,
            "{}\"k:{{\\\"name\\\":\\\"app-{container}\\\"}}\":{{\".\":{{}},\"f:args\":{{}},\
             \"f:command\":{{}},\"f:env\":{{\".\":{{}}",
            comma(container)
        );
        for variable in 0..8 {
            let _ = write!(
                json,
                ",\"k:{{\\\"name\\\":\\\"VARIABLE_{variable}\\\"}}\":{{\".\":{{}},\"f:name\":{{}},\"f:value\":{{}}}}"
            );
        }
        json.push_str(
            "},\"f:image\":{},\"f:imagePullPolicy\":{},\"f:lifecycle\":{\".\":{},\"f:preStop\":{\".\":{},\
             \"f:exec\":{\".\":{},\"f:command\":{}}}},\"f:livenessProbe\":{\".\":{},\"f:failureThreshold\":{},\
             \"f:httpGet\":{\".\":{},\"f:path\":{},\"f:port\":{},\"f:scheme\":{}},\"f:periodSeconds\":{},\
             \"f:successThreshold\":{},\"f:timeoutSeconds\":{}},\"f:name\":{},\"f:ports\":{\".\":{},\
             \"k:{\\\"containerPort\\\":8080,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{},\
             \"f:name\":{},\"f:protocol\":{}}},\"f:resources\":{\".\":{},\"f:limits\":{\".\":{},\"f:cpu\":{},\
             \"f:memory\":{}},\"f:requests\":{\".\":{},\"f:cpu\":{},\"f:memory\":{}}},\"f:securityContext\":{\".\":{},\
             \"f:allowPrivilegeEscalation\":{}},\"f:terminationMessagePath\":{},\"f:terminationMessagePolicy\":{},\
             \"f:volumeMounts\":{\".\":{},\"k:{\\\"mountPath\\\":\\\"/etc/checkout\\\"}\":{\".\":{},\
             \"f:mountPath\":{},\"f:name\":{},\"f:readOnly\":{}}}}",
        );
    }
    json.push_str(
        "},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},\
         \"f:securityContext\":{\".\":{},\"f:fsGroup\":{},\"f:runAsUser\":{}},\"f:serviceAccount\":{},\
         \"f:serviceAccountName\":{},\"f:terminationGracePeriodSeconds\":{},\"f:volumes\":{\".\":{},\
         \"k:{\\\"name\\\":\\\"config-0\\\"}\":{\".\":{},\"f:configMap\":{\".\":{},\"f:defaultMode\":{},\
         \"f:items\":{},\"f:name\":{}},\"f:name\":{}}}}}},\
         {\"manager\":\"kubelet\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"2026-11-22T10:17:09Z\",\
         \"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:status\":{\"f:conditions\":{",
    );
    for (index, condition) in CONDITIONS.iter().enumerate() {
        let _ = write!(
            json,
            "{}\"k:{{\\\"type\\\":\\\"{condition}\\\"}}\":{{\".\":{{}},\"f:lastProbeTime\":{{}},\
             \"f:lastTransitionTime\":{{}},\"f:observedGeneration\":{{}},\"f:status\":{{}},\"f:type\":{{}}}}",
            comma(index)
        );
    }
    json.push_str(
        "},\"f:containerStatuses\":{},\"f:hostIP\":{},\"f:hostIPs\":{},\"f:observedGeneration\":{},\"f:phase\":{},\
         \"f:podIP\":{},\"f:podIPs\":{\".\":{},\"k:{\\\"ip\\\":\\\"10.12.4.9\\\"}\":{\".\":{},\"f:ip\":{}}},\
         \"f:startTime\":{}}},\"subresource\":\"status\"}",
    );
}

fn container(json: &mut String, number: usize, container: usize) {
    let _ = write!(
        json,
        "{{\"name\":\"app-{container}\",\"image\":\"registry.local/team/checkout:v1.{number}\",\
         \"command\":[\"/bin/checkout\"],\"args\":[\"--listen=:8080\",\"--log-level=info\"],\
         \"ports\":[{{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}}],\"env\":["
    );
    for variable in 0..8 {
        let _ = write!(
            json,
            "{}{{\"name\":\"VARIABLE_{variable}\",\"value\":\"value \\\"{variable}\\\" \\u0026 more\"}}",
            comma(variable)
        );
    }
    json.push_str(
        "],\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"512Mi\"},\"requests\":{\"cpu\":\"100m\",\"memory\":\"256Mi\"}},\
         \"volumeMounts\":[{\"name\":\"config-0\",\"readOnly\":true,\"mountPath\":\"/etc/checkout\"}],\
         \"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":8080,\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\
         \"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},",
    );
    json.push_str(match number % 4 {
        0 => "\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"/bin/sh\",\"-c\",\"sleep 5; kill -QUIT 1\"]}}},",
        1 => "\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":5}}},",
        2 => "\"lifecycle\":{\"postStart\":{\"httpGet\":{\"path\":\"/warm\",\"port\":8080,\"scheme\":\"HTTP\"}}},",
        _ => "",
    });
    json.push_str(
        "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\
         \"imagePullPolicy\":\"IfNotPresent\",\"securityContext\":{\"allowPrivilegeEscalation\":false}}",
    );
}

fn status(json: &mut String, number: usize, containers: usize) {
    json.push_str("{\"observedGeneration\":1,\"phase\":\"Running\",\"conditions\":[");
    let conditions = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    for (index, condition) in conditions.iter().enumerate() {
        let _ = write!(
            json,
            "{}{{\"type\":\"{condition}\",\"observedGeneration\":1,\"status\":\"True\",\"lastProbeTime\":null,\
             \"lastTransitionTime\":\"2026-11-22T10:17:0{index}Z\"}}",
            comma(index)
        );
    }
    let _ = write!(
        json,
        "],\"hostIP\":\"10.0.{0}.7\",\"podIP\":\"10.12.{0}.9\",\"podIPs\":[{{\"ip\":\"10.12.{0}.9\"}}],\
         \"startTime\":\"2026-11-22T10:17:00Z\",\"containerStatuses\":[",
        number % 250
    );
    for container in 0..containers {
        let _ = write!(
            json,
            "{}{{\"name\":\"app-{container}\",\"state\":{{\"running\":{{\"startedAt\":\"2026-11-22T10:17:03Z\"}}}},\
             \"lastState\":{{}},\"ready\":true,\"restartCount\":{},\"image\":\"registry.local/team/checkout:v1\",\
             \"imageID\":\"registry.local/team/checkout@sha256:{number:064x}\",\
             \"containerID\":\"containerd://{number:032x}{container:032x}\",\"started\":true}}",
            comma(container),
            number % 3
        );
    }
    json.push_str("],\"qosClass\":\"Burstable\"}");
}
