//! What every camera must do, for a sender of live streams.

use super::*;

/// A sender of events and frames on two ports, as DV's network output has them. While it is unplugged,
/// it ends every connection at once: it keeps its ports, which others could be given otherwise.
struct Sender {
    ports: [u16; 2],
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What the threads of a sender share.
#[derive(Default)]
struct Shared {
    /// Number of times that it was plugged in or unplugged: odd while it is there.
    plugged: AtomicU32,
    stop: AtomicBool,
    /// Events beyond the sensor that are sent next.
    strays: AtomicU32,
    /// Connections that were served, and those that ended.
    accepted: AtomicU32,
    ended: AtomicU32,
}

impl Sender {
    fn new() -> Self {
        let shared = Arc::<Shared>::default();
        let (events, frames) = (port(), port());
        let ports = [events.1, frames.1];
        let threads = [(events.0, "EVTS"), (frames.0, "FRME")].map(|(listener, kind)| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.serve(&listener, kind))
        });
        Self { ports, threads: threads.into(), shared }
    }
}

impl Shared {
    /// Serves one port until it is stopped.
    fn serve(&self, listener: &TcpListener, kind: &'static str) {
        listener.set_nonblocking(true).unwrap();
        while !self.stop.load(Ordering::Acquire) {
            let Ok((client, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            let plugged = self.plugged.load(Ordering::Acquire);
            if plugged % 2 == 1 {
                self.accepted.fetch_add(1, Ordering::AcqRel);
                self.send_all(client, kind, plugged);
                self.ended.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Sends a client the events or frames of every five milliseconds until it goes or the sender is
    /// unplugged.
    fn send_all(&self, mut client: TcpStream, kind: &'static str, plugged: u32) {
        client.set_nonblocking(false).unwrap();
        let header = Writer::new(Packing::Lz4, &[stream(0, kind, CAMERA)]).live();
        let mut sent = client.write_all(&header);
        for number in 0.. {
            let is_over = self.stop.load(Ordering::Acquire)
                || self.plugged.load(Ordering::Acquire) != plugged;
            if sent.is_err() || is_over {
                return;
            }
            let mut writer = Writer::new(Packing::Lz4, &[stream(0, kind, CAMERA)]);
            let t_us = 1_000_000 + 5_000 * number;
            match kind {
                "EVTS" => {
                    let mut list = vec![event(t_us, 1), event(t_us + 2_000, 2)];
                    let strays = self.strays.swap(0, Ordering::AcqRel);
                    list.extend((0..strays).map(|_| event(t_us + 3_000, 48)));
                    writer.events(0, &list);
                }
                _ => {
                    writer.frame(0, &frame(t_us, 1_000));
                }
            }
            sent = client.write_all(&writer.live()[header.len()..]);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Bench for Sender {
    fn driver(&self) -> Arc<dyn Driver> {
        let [events, frames] = self.ports;
        Arc::new(Dv::parse(&format!("127.0.0.1:{events},{frames}")).unwrap())
    }

    fn delivers(&self) -> (bool, bool) {
        (true, true)
    }

    fn plug(&self, present: bool) {
        let plugged = self.shared.plugged.load(Ordering::Acquire);
        if (plugged % 2 == 1) != present {
            self.shared.plugged.store(plugged + 1, Ordering::Release);
        }
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.shared.strays.store(7, Ordering::Release);
        Some((DropCause::Malformed, DropUnit::Events, 7))
    }

    fn is_closed(&self) -> bool {
        let accepted = self.shared.accepted.load(Ordering::Acquire);
        accepted >= 2 && accepted == self.shared.ended.load(Ordering::Acquire)
    }
}

#[test]
fn live_streams_conform() {
    conforms(&Sender::new());
}
