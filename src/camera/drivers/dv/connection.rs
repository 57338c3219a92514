//! One connection to a live stream: its address, and the thread that reads it.

use crate::formats::aedat4::{LivePackets, LiveReadError, Part, StreamInfo};
use crossbeam_channel::{Receiver, bounded};
use std::fmt::{self, Display, Formatter};
use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Longest wait for a connection, and for the header after it.
const TIMEOUT: Duration = Duration::from_secs(2);
/// After how long a silent connection is checked, how often, and at which interval. Without an answer
/// the other computer was switched off, or its cable pulled; a camera whose scene is still is silent,
/// too, so that nothing else shows it.
#[cfg(target_os = "linux")]
const KEEP_ALIVE: (Duration, u32, Duration) = (Duration::from_secs(3), 3, Duration::from_secs(1));
/// Packets that wait between the connection's thread and the driver's; a packet of events covers
/// ten milliseconds by DV's default.
const QUEUED: usize = 64;

/// Where a stream is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Host and port.
    Tcp(String, u16),
    /// Path of a UNIX socket.
    Unix(PathBuf),
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A connected socket.
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(host, port) => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for place in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&place, TIMEOUT) {
                        Ok(stream) => return Ok(Self::Tcp(stream)),
                        Err(e) => last = e,
                    }
                }
                Err(last)
            }
            #[cfg(unix)]
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Lets the system find out whether the other computer is still there.
    fn keep_alive(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Self::Tcp(stream) = self {
            use rustix::net::sockopt;
            let (idle, probes, interval) = KEEP_ALIVE;
            sockopt::set_socket_keepalive(stream, true)?;
            sockopt::set_tcp_keepidle(stream, idle)?;
            sockopt::set_tcp_keepintvl(stream, interval)?;
            sockopt::set_tcp_keepcnt(stream, probes)?;
        }
        Ok(())
    }

    fn close(&self) {
        // A connection that the other side has closed already cannot be closed again.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

/// Why a connection cannot be used.
pub(super) enum ConnectError {
    /// No program offers a stream there: to be tried again.
    Absent(String),
    /// What is offered there is no DV stream.
    Protocol(String),
}

/// What a connection's thread delivers: a packet, a damaged packet, or why the connection ended.
pub(super) type Delivery = Result<Result<Part, String>, String>;

/// An open connection. Dropping it ends its thread.
pub(super) struct Connection {
    pub(super) address: Address,
    pub(super) streams: Vec<StreamInfo>,
    pub(super) deliveries: Receiver<Delivery>,
    socket: Socket,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The thread wakes up from its read, or from a full channel whose receiver goes away.
        self.socket.close();
    }
}

impl Connection {
    pub(super) fn open(address: &Address) -> Result<Self, ConnectError> {
        let absent = |why: &dyn Display| {
            ConnectError::Absent(format!(
                "no DV stream at {address} ({why}): start the network output of DV, or \
                 dv-processing's NetworkWriter, with this port"
            ))
        };
        let socket = Socket::connect(address).map_err(|e| absent(&e))?;
        socket.keep_alive().map_err(|e| absent(&e))?;
        let reading = socket.try_clone().map_err(|e| absent(&e))?;
        reading.set_read_timeout(Some(TIMEOUT)).map_err(|e| absent(&e))?;
        let mut packets = LivePackets::start(reading).map_err(|e| match e {
            // The system's text for a read that took too long explains nothing.
            LiveReadError::Io(e) if matches!(e.kind(), WouldBlock | TimedOut) => {
                absent(&"a program is there, and sends nothing")
            }
            LiveReadError::Io(e) => absent(&e),
            LiveReadError::Protocol(why) => ConnectError::Protocol(format!(
                "what is offered at {address} is not a DV stream: {why}"
            )),
        })?;
        // From here on a camera may be silent for as long as nothing moves.
        socket.set_read_timeout(None).map_err(|e| absent(&e))?;
        let streams = packets.streams().to_vec();
        let (sender, deliveries) = bounded(QUEUED);
        let title = address.to_string();
        let read = move || loop {
            let delivery =
                packets.read_packet().map_err(|e| format!("the DV stream at {title} ended: {e}"));
            let ended = delivery.is_err();
            if sender.send(delivery).is_err() || ended {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("dv stream".into()).spawn(read);
        thread.map_err(|e| absent(&e))?;
        Ok(Self { address: address.clone(), streams, deliveries, socket })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_computer_that_is_gone_is_noticed_without_a_packet() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = Socket::connect(&Address::Tcp("127.0.0.1".into(), port)).unwrap();
        socket.keep_alive().unwrap();
        let Socket::Tcp(stream) = &socket else { panic!("a port is TCP") };
        assert!(rustix::net::sockopt::socket_keepalive(stream).unwrap());
        let idle = rustix::net::sockopt::tcp_keepidle(stream).unwrap();
        let interval = rustix::net::sockopt::tcp_keepintvl(stream).unwrap();
        let probes = rustix::net::sockopt::tcp_keepcnt(stream).unwrap();
        let noticed = idle + interval * probes;
        assert!(noticed <= Duration::from_secs(10), "{noticed:?}");
    }
}
