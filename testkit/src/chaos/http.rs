//! Plain HTTP to what runs beside: the operator's metrics, etcd, Prometheus.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The body of an answer 200.
pub async fn get(address: SocketAddr, path: &str, within: Duration) -> anyhow::Result<String> {
    ask(address, &format!("GET {path}"), "", within).await
}

pub async fn post(
    address: SocketAddr,
    path: &str,
    body: &str,
    within: Duration,
) -> anyhow::Result<String> {
    ask(address, &format!("POST {path}"), body, within).await
}

/// In HTTP 1.0, whose answers come in one piece.
async fn ask(
    address: SocketAddr,
    what: &str,
    body: &str,
    within: Duration,
) -> anyhow::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(within, exchange).await??;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer is not HTTP")?;
    if head.split(' ').nth(1) != Some("200") {
        bail!("{what}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}
