//! A way to the API server that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Way {
    is_cut: bool,
    open: Vec<TcpStream>,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
}

impl Proxy {
    /// `server` as HOST:PORT.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::<Mutex<Way>>::default();
        let (server, shared) = (server.to_owned(), Arc::clone(&way));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut way = shared.lock().unwrap();
                // Who is cut off is answered by nobody, and nobody closes the connection.
                if way.is_cut {
                    way.open.push(client);
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else {
                    continue;
                };
                for (from, to) in [(&client, &upstream), (&upstream, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || pass_on(from, to, &shared));
                }
                way.open.extend([client, upstream]);
            }
        });
        Self { address, way }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing gets through, and nobody is told.
    pub(crate) fn cut(&self) {
        self.way.lock().unwrap().is_cut = true;
    }

    /// New connections work again; the old ones break.
    pub(crate) fn mend(&self) {
        let mut way = self.way.lock().unwrap();
        way.is_cut = false;
        for stream in way.open.drain(..) {
            // It may have ended by itself.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, way: &Mutex<Way>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if way.lock().unwrap().is_cut {
            return;
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other direction ends with it.
    drop(to.shutdown(Shutdown::Both));
}
