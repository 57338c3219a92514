//! One connected client: a bounded queue, and the thread that writes to its socket.

use crate::panics::caught;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Exposures that wait for a client. With more, a slow client would see older pictures, not more.
const QUEUE: usize = 4;
/// A client that takes nothing for this long is disconnected.
const STALLED: Duration = Duration::from_secs(10);
/// How often a client to which nothing is sent is checked for being connected.
const CHECK: Duration = Duration::from_millis(250);
/// Wait for bytes from the client, which sends none, when it is checked.
const GLANCE: Duration = Duration::from_millis(1);

/// What a stream's clients receive for one exposure.
#[derive(Clone)]
pub(super) struct Message {
    /// Header of the stream, which a client receives before its first packet.
    pub header: Arc<[u8]>,
    /// Packets; may be empty.
    pub packets: Arc<[u8]>,
}

/// Counters of a stream, shared by its clients.
#[derive(Default)]
pub(super) struct Counters {
    pub sent: AtomicU64,
    pub dropped: AtomicU64,
}

/// A client. Dropping it closes the connection.
pub(super) struct Client {
    queue: Sender<Message>,
    /// The queue's receiver, to remove the oldest message.
    oldest: Receiver<Message>,
    alive: Arc<AtomicBool>,
    socket: TcpStream,
}

impl Drop for Client {
    fn drop(&mut self) {
        // Wakes the thread if it waits for the client; fails if the client has gone.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Client {
    /// Starts the thread of a new client, which receives the header at once if it is known.
    pub(super) fn start(
        socket: TcpStream,
        from: SocketAddr,
        header: Option<Arc<[u8]>>,
        counters: &Arc<Counters>,
    ) -> io::Result<Self> {
        // Some systems pass the listener's mode on.
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(STALLED))?;
        socket.set_read_timeout(Some(GLANCE))?;
        let own = socket.try_clone()?;
        let (queue, messages) = bounded(QUEUE);
        let alive = Arc::new(AtomicBool::new(true));
        let (oldest, living, counters) = (messages.clone(), alive.clone(), counters.clone());
        let run = move || {
            tracing::info!(client = %from, "a client has connected");
            let result = caught(|| write(own, header, &messages, &counters));
            living.store(false, Ordering::Release);
            match result {
                Ok(Ok(why)) => tracing::info!(client = %from, "disconnected: {why}"),
                Ok(Err(e)) => tracing::info!(client = %from, "disconnected: {e}"),
                Err(why) => tracing::error!(client = %from, "disconnected: {why}"),
            }
        };
        std::thread::Builder::new().name("serve client".into()).spawn(run)?;
        Ok(Self { queue, oldest, alive, socket })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Queues a message, removing the oldest ones if the client is slow. Never waits.
    pub(super) fn put(&self, mut message: Message, counters: &Counters) {
        while let Err(TrySendError::Full(back)) = self.queue.try_send(message) {
            message = back;
            if self.oldest.try_recv().is_ok() {
                counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Writes messages until the connection ends, and returns why it was ended from here.
fn write(
    mut socket: TcpStream,
    header: Option<Arc<[u8]>>,
    messages: &Receiver<Message>,
    counters: &Counters,
) -> io::Result<&'static str> {
    if let Some(header) = &header {
        socket.write_all(header)?;
    }
    let mut known = header;
    loop {
        let message = match messages.recv_timeout(CHECK) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) if has_disconnected(&mut socket)? => {
                return Ok("it has disconnected");
            }
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok("the stream ends"),
        };
        match &known {
            Some(header) if *header == message.header => {}
            Some(_) => return Ok("the image size has changed"),
            None => {
                socket.write_all(&message.header)?;
                known = Some(message.header);
            }
        }
        if !message.packets.is_empty() {
            socket.write_all(&message.packets)?;
            counters.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether the client has closed the connection. What it sends is ignored.
fn has_disconnected(socket: &mut TcpStream) -> io::Result<bool> {
    let mut ignored = [0; 256];
    match socket.read(&mut ignored) {
        Ok(bytes) => Ok(bytes == 0),
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Ok(false)
        }
        Err(e) => Err(e),
    }
}
