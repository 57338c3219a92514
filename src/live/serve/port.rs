//! One stream: the port on which it is offered, and its clients.

use super::client::{Client, Counters, Message};
use crate::live::OutputStatus;
use crate::panics::{Locked, caught};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a port looks for new clients.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(20);
/// Delay after the system could not accept a client, such as for a lack of file handles.
const RETRY: Duration = Duration::from_secs(1);
/// Largest number of clients of a stream; each may hold a few pictures.
const MAX_CLIENTS: usize = 16;

/// Why a stream cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program, or another run of this one, uses the port.
    #[error(
        "port {port} of {host} is in use: end the program that uses it, or choose another port"
    )]
    InUse {
        /// The address.
        host: String,
        /// The port.
        port: u16,
    },
    /// The host is not an address of this computer.
    #[error(
        "{host} is not an address of this computer: use 127.0.0.1 for this computer alone, or \
         0.0.0.0 for all networks"
    )]
    NoAddress {
        /// The address.
        host: String,
    },
    /// The system allows the port to privileged programs only.
    #[error("port {port} may not be used: choose one above 1023")]
    Forbidden {
        /// The port.
        port: u16,
    },
    /// Anything else.
    #[error("cannot offer a stream at {host}:{port}: {error}")]
    Io {
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// The system's error.
        error: io::Error,
    },
}

fn explain(host: &str, port: u16, error: io::Error) -> ServeError {
    let host = host.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse { host, port },
        io::ErrorKind::AddrNotAvailable => ServeError::NoAddress { host },
        io::ErrorKind::PermissionDenied => ServeError::Forbidden { port },
        _ => ServeError::Io { host, port, error },
    }
}

#[derive(Default)]
struct Clients {
    /// Header of the stream, once it is known.
    header: Option<Arc<[u8]>>,
    list: Vec<Client>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    clients: Mutex<Clients>,
    counters: Arc<Counters>,
    fault: Mutex<Option<String>>,
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, Clients> {
        let mut clients = self.clients.locked();
        clients.list.retain(Client::is_connected);
        clients
    }

    fn add(&self, socket: TcpStream, from: SocketAddr) {
        let mut clients = self.clients();
        if clients.list.len() >= MAX_CLIENTS {
            tracing::warn!(client = %from, "refused: there are {MAX_CLIENTS} clients already");
            return;
        }
        match Client::start(socket, from, clients.header.clone(), &self.counters) {
            Ok(client) => clients.list.push(client),
            Err(e) => tracing::warn!(client = %from, "cannot be served: {e}"),
        }
    }

    fn accept(&self, listener: &TcpListener) {
        while !self.stop.load(Ordering::Acquire) {
            match listener.accept() {
                Ok((socket, from)) => self.add(socket, from),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(ACCEPT_INTERVAL);
                }
                Err(e) => {
                    tracing::warn!("cannot accept a client: {e}");
                    std::thread::sleep(RETRY);
                }
            }
        }
    }
}

/// A port with its clients. Dropping it disconnects them.
pub(super) struct Port {
    content: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Port {
    /// Binds a port and accepts clients from now on.
    pub(super) fn open(content: &'static str, host: &str, port: u16) -> Result<Self, ServeError> {
        let failed = |e| explain(host, port, e);
        let listener = TcpListener::bind((host, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let run = move || {
            if let Err(why) = caught(|| own.accept(&listener)) {
                *own.fault.locked() = Some(why);
            }
        };
        let thread = std::thread::Builder::new().name("serve".into()).spawn(run).map_err(failed)?;
        tracing::info!(%address, "{content} are offered");
        Ok(Self { content, address, shared, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn has_clients(&self) -> bool {
        !self.shared.clients().list.is_empty()
    }

    /// Queues a message for every client.
    pub(super) fn send(&self, message: &Message) {
        let mut clients = self.shared.clients();
        let is_new = clients.header.as_ref() != Some(&message.header);
        if is_new {
            clients.header = Some(message.header.clone());
        }
        // A message without content only carries a new header.
        if is_new || !message.packets.is_empty() {
            for client in &clients.list {
                client.put(message.clone(), &self.shared.counters);
            }
        }
    }

    /// Counts an exposure that was dropped before it was encoded, once per client.
    pub(super) fn dropped(&self) {
        let count = self.shared.clients().list.len() as u64;
        self.shared.counters.dropped.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> OutputStatus {
        OutputStatus {
            content: self.content,
            place: self.address.to_string(),
            clients: Some(self.shared.clients().list.len()),
            sent: self.shared.counters.sent.load(Ordering::Relaxed),
            dropped: self.shared.counters.dropped.load(Ordering::Relaxed),
            fault: self.shared.fault.locked().clone(),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.clients().list.clear();
        if let Some(thread) = self.thread.take() {
            // Its panic was caught.
            let _ = thread.join();
        }
    }
}
