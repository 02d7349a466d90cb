//! An API server whose answers cannot be read: what they hold is in no line of the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

const SECRET: &str = "s3cret-of-a-body";

#[derive(Default)]
struct Asked {
    requests: BTreeSet<String>,
    /// How often the objects of each resource were asked for by a request that was made before.
    again: BTreeMap<String, usize>,
}

impl Asked {
    /// A request is refused at first: nothing waits for what it may not read, so that the watches of everything
    /// begin at once.
    fn answer(&mut self, target: &str) -> Vec<u8> {
        if self.requests.insert(target.to_owned()) {
            return refusal(403, "Forbidden");
        }
        let path = target.split('?').next().unwrap_or_default();
        let resource = path.split('/').next_back().unwrap_or_default();
        let times = self.again.entry(resource.to_owned()).or_default();
        *times += 1;
        unreadable().swap_remove((*times - 1) % unreadable().len())
    }

    fn was_given_each(&self, resource: &str) -> bool {
        let times = self.again.get(resource);
        times.is_some_and(|times| *times >= unreadable().len())
    }
}

fn readable(body: &str) -> Vec<u8> {
    answer_with("200 OK", body)
}

fn refusal(code: u16, reason: &str) -> Vec<u8> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": reason, "message": SECRET});
    answer_with(&format!("{code} {reason}"), &status.to_string())
}

fn answer_with(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// What is answered to the further requests, one after the other.
fn unreadable() -> Vec<Vec<u8>> {
    let object = format!("{{\"metadata\":{{\"name\":\"{SECRET}\"");
    let mut not_utf8 = readable(SECRET);
    not_utf8.extend([0xff, 0xfe, b'\n']);
    vec![
        readable(&object),
        readable(&format!(
            "{{\"kind\":\"List\",\"metadata\":\"{SECRET}\",\"items\":[]}}"
        )),
        readable(&format!(
            "{{\"kind\":\"List\",\"metadata\":{{}},\"items\":\"{SECRET}\"}}"
        )),
        readable(&format!("{{\"type\":\"ADDED\",\"object\":{object}\n")),
        readable(&format!("{{\"type\":\"{SECRET}\",\"object\":{{}}}}\n")),
        readable(&format!("{{\"type\":\"ERROR\",\"object\":\"{SECRET}\"}}\n")),
        readable(&format!(
            "{{\"type\":\"BOOKMARK\",\"object\":\"{SECRET}\"}}\n"
        )),
        readable(SECRET),
        not_utf8,
        answer_with("500 Internal Server Error", SECRET),
        refusal(410, "Gone"),
    ]
}

fn answer(mut stream: TcpStream, asked: &Mutex<Asked>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let target = request.split(' ').nth(1).unwrap_or_default();
    let known = match target.split('?').next().unwrap_or_default() {
        "/version" => Some(
            json!({"major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
        ),
        "/apis/hookaudit.io/v1alpha1" => Some(
            json!({"kind": "APIResourceList", "groupVersion": "hookaudit.io/v1alpha1",
            "resources": [{"name": "hookaudits", "singularName": "hookaudit", "namespaced": true, "kind": "HookAudit",
                "verbs": ["list"]}]}),
        ),
        path if path.ends_with("selfsubjectaccessreviews") => Some(json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
            "spec": {}, "status": {"allowed": true}})),
        _ => None,
    };
    if let Some(known) = known {
        stream.write_all(&readable(&known.to_string()))
    } else {
        stream.write_all(&asked.lock().unwrap().answer(target))
    }
}

#[test]
fn what_cannot_be_decoded_is_not_quoted_at_any_level_of_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Asked::default()));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // One who hangs up early is not waited for.
            stream.and_then(|stream| answer(stream, &counted)).ok();
        }
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let kubeconfig = folder.join("undecodable.kubeconfig");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    );
    std::fs::write(&kubeconfig, config).unwrap();
    let log = folder.join("undecodable.log");
    let mut operator = Command::new(env!("CARGO_BIN_EXE_hookaudit"))
        .args([
            "run",
            "--log-level",
            "debug",
            "--metrics-bind-address",
            "127.0.0.1:0",
            // Several streams ask for pods, as for Events.
            "--watch-namespaces",
            "one,two,three,four",
        ])
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .arg("--record")
        .arg(folder.join("undecodable.jsonl"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(90);
    let failed_watches = || {
        let told = std::fs::read_to_string(&log).unwrap();
        told.matches("watch failed").count()
    };
    let each_was_given = || {
        let asked = asked.lock().unwrap();
        asked.was_given_each("pods") && asked.was_given_each("events")
    };
    while (!each_was_given() || failed_watches() < 10) && Instant::now() < until {
        assert!(
            operator.try_wait().unwrap().is_none(),
            "{}",
            std::fs::read_to_string(&log).unwrap()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    operator.kill().unwrap();
    operator.wait().unwrap();
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(each_was_given(), "too few requests: {told}");
    assert!(told.matches("watch failed").count() >= 10, "{told}");
    assert!(!told.contains(SECRET), "{told}");
    let recorded = std::fs::read_to_string(folder.join("undecodable.jsonl")).unwrap();
    assert!(!recorded.contains(SECRET), "{recorded}");
}
