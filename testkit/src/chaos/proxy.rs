//! The way to the API server, which can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Connections are closed, and none is taken.
    Closed,
    /// Connections stay, and nothing passes.
    Silent,
}

pub struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (way, seen) = watch::channel(Way::Open);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, server, seen.clone()));
            }
        });
        Ok(Self { address, way, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that was silenced is not what it was before: it ends when the way opens again.
async fn pass(mut client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Open {
        let Ok(mut upstream) = TcpStream::connect(server).await else {
            return;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut upstream) => return,
            _ = way.wait_for(|way| *way != Way::Open) => {}
        }
    }
    if *way.borrow() == Way::Silent {
        // An error means that the proxy is gone.
        drop(way.wait_for(|way| *way != Way::Silent).await);
    }
}
