//! An API server whose answers cannot be read: what they hold is in no line of the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

const SECRET: &str = "s3cret-of-a-body";
const READABLE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";

/// What is answered to the requests for objects, one after the other.
fn unreadable() -> Vec<Vec<u8>> {
    let of = |head: &str, body: &str| format!("{head}{body}").into_bytes();
    let failed = |code: &str| {
        format!("HTTP/1.1 {code}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
    };
    let object = format!("{{\"metadata\":{{\"name\":\"{SECRET}\"");
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
        "reason": "Forbidden", "message": SECRET});
    let mut not_utf8 = of(READABLE, SECRET);
    not_utf8.extend([0xff, 0xfe, b'\n']);
    vec![
        of(READABLE, &object),
        of(
            READABLE,
            &format!("{{\"kind\":\"List\",\"metadata\":\"{SECRET}\",\"items\":[]}}"),
        ),
        of(
            READABLE,
            &format!("{{\"kind\":\"List\",\"metadata\":{{}},\"items\":\"{SECRET}\"}}"),
        ),
        of(
            READABLE,
            &format!("{{\"type\":\"ADDED\",\"object\":{object}\n"),
        ),
        of(
            READABLE,
            &format!("{{\"type\":\"{SECRET}\",\"object\":{{}}}}\n"),
        ),
        of(
            READABLE,
            &format!("{{\"type\":\"ERROR\",\"object\":\"{SECRET}\"}}\n"),
        ),
        of(
            READABLE,
            &format!("{{\"type\":\"BOOKMARK\",\"object\":\"{SECRET}\"}}\n"),
        ),
        of(READABLE, SECRET),
        not_utf8,
        of(&failed("500 Internal Server Error"), SECRET),
        of(&failed("403 Forbidden"), &status.to_string()),
        of(&failed("410 Gone"), &status.to_string()),
    ]
}

fn answer(mut stream: TcpStream, asked: &AtomicUsize) -> std::io::Result<()> {
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
    let path = request.split(' ').nth(1).unwrap_or_default();
    let known = match path.split('?').next().unwrap_or_default() {
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
        stream.write_all(format!("{READABLE}{known}").as_bytes())
    } else {
        let all = unreadable();
        let number = asked.fetch_add(1, Ordering::Relaxed);
        stream.write_all(&all[number % all.len()])
    }
}

#[test]
fn what_cannot_be_decoded_is_not_quoted_at_any_level_of_the_log() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
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
        ])
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .arg("--record")
        .arg(folder.join("undecodable.jsonl"))
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let rounds = unreadable().len() + 4;
    let until = Instant::now() + Duration::from_secs(90);
    // The election asks as well, and takes its share of the answers.
    let failed_watches = || {
        let told = std::fs::read_to_string(&log).unwrap();
        told.matches("watch failed").count()
    };
    while (asked.load(Ordering::Relaxed) < rounds || failed_watches() < 10)
        && Instant::now() < until
    {
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
    assert!(
        asked.load(Ordering::Relaxed) >= rounds,
        "too few requests: {told}"
    );
    assert!(told.matches("watch failed").count() >= 10, "{told}");
    assert!(!told.contains(SECRET), "{told}");
    let recorded = std::fs::read_to_string(folder.join("undecodable.jsonl")).unwrap();
    assert!(!recorded.contains(SECRET), "{recorded}");
}
