//! A simulated GigE Vision camera for features that Aravis's simulated ones lack: chunk data with
//! every frame, and exposures as long as the trigger pulses. Addresses and packets follow the
//! GigE Vision specification, version 1.2.

mod xml;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use xml::{CHUNKS, MONO8, at};

/// Serial number.
pub const SERIAL: &str = "PULSE1";
/// Frame interval in microseconds.
pub const PERIOD_US: i64 = 20_000;
/// Offset of the chunk's timestamp from the leader's, which shows which of them was read.
pub const CHUNK_LATER_US: i64 = 123;
/// Trigger pulse widths in microseconds, used alternately.
pub const PULSES_US: [i64; 2] = [3_000, 7_000];

const PORT: u16 = 3956;
const XML: usize = 0x1_0000;
const CONTROL: usize = 0xa00;
const STREAM_PORT: usize = 0xd00;
const STREAM_PACKET: usize = 0xd04;
const STREAM_ADDRESS: usize = 0xd18;
/// Payload type: image followed by chunks.
const PAYLOAD_KIND: u16 = 0x4001;

/// The camera's registers.
struct Registers {
    bytes: Vec<u8>,
    enabled: [bool; CHUNKS.len()],
    sending: bool,
}

impl Registers {
    fn new() -> Self {
        let xml = xml::description();
        let mut bytes = vec![0; XML + xml.len().next_multiple_of(512)];
        bytes[XML..XML + xml.len()].copy_from_slice(xml.as_bytes());
        let mut registers = Self { bytes, enabled: [false; CHUNKS.len()], sending: false };
        let url = format!("Local:pulse.xml;{XML:x};{:x}", xml.len());
        for (address, text) in
            [(0x48, "Test"), (0x68, "Pulse"), (0x88, "1.0"), (0xd8, SERIAL), (0x200, &url)]
        {
            registers.write(address, text.as_bytes());
        }
        let local = u32::from(Ipv4Addr::LOCALHOST);
        for (address, value) in [
            (0x0, 0x0001_0002),
            // Big endian, UTF-8.
            (0x4, 0x8000_0001),
            (0x8, 0x0200),
            (0xc, 1),
            (0x24, local),
            (0x34, 0xff00_0000),
            (0x600, 1),
            (0x904, 1),
            // Memory can be written.
            (0x934, 2),
            (0x938, 3_000),
            (0x940, 1_000_000_000),
            (STREAM_PACKET, 1400),
            (at::WIDTH, 64),
            (at::HEIGHT, 32),
            (at::PIXEL_FORMAT, MONO8),
        ] {
            registers.write(address, &value.to_be_bytes());
        }
        registers.write(at::EXPOSURE_US, &10_000_f64.to_be_bytes());
        registers
    }

    fn word(&self, address: usize) -> u32 {
        u32::from_be_bytes(self.bytes[address..address + 4].try_into().unwrap())
    }

    fn write(&mut self, address: usize, value: &[u8]) {
        self.bytes[address..address + value.len()].copy_from_slice(value);
        match address {
            at::CHUNK_ENABLE => {
                let selected = self.word(at::CHUNK_SELECTOR) as usize;
                self.enabled[selected] = self.word(at::CHUNK_ENABLE) != 0;
            }
            at::CHUNK_SELECTOR => {
                let enabled = self.enabled[self.word(at::CHUNK_SELECTOR) as usize];
                let value = u32::from(enabled).to_be_bytes();
                self.bytes[at::CHUNK_ENABLE..at::CHUNK_ENABLE + 4].copy_from_slice(&value);
            }
            at::START => self.sending = true,
            at::STOP => self.sending = false,
            _ => {}
        }
        let payload = (self.payload(0, 0).len() as u32).to_be_bytes();
        self.bytes[at::PAYLOAD..at::PAYLOAD + 4].copy_from_slice(&payload);
    }

    fn exposure_us(&self, frame: u64) -> f64 {
        if self.word(at::EXPOSURE_MODE) == 1 {
            return PULSES_US[frame as usize % PULSES_US.len()] as f64;
        }
        f64::from_be_bytes(self.bytes[at::EXPOSURE_US..at::EXPOSURE_US + 8].try_into().unwrap())
    }

    /// The image and its chunks, each followed by its id and length.
    fn payload(&self, frame: u64, stamp_ns: u64) -> Vec<u8> {
        let area = (self.word(at::WIDTH) * self.word(at::HEIGHT)) as usize;
        let mut bytes = vec![frame as u8; area];
        if self.word(at::CHUNK_MODE) == 0 {
            return bytes;
        }
        let end = |number: u32, length: usize, bytes: &mut Vec<u8>| {
            bytes.extend(number.to_be_bytes());
            bytes.extend((length as u32).to_be_bytes());
        };
        end(0x100, area, &mut bytes);
        let chunks = [
            (stamp_ns + CHUNK_LATER_US as u64 * 1000).to_be_bytes(),
            self.exposure_us(frame).to_be_bytes(),
            frame.to_be_bytes(),
        ];
        for ((number, value), _) in
            (1..).zip(chunks).zip(self.enabled).filter(|(_, enabled)| *enabled)
        {
            bytes.extend(value);
            end(number, value.len(), &mut bytes);
        }
        bytes
    }

    /// Destination of frames, while a client has control and the stream is started.
    fn stream_target(&self) -> Option<SocketAddr> {
        let (address, port) = (self.word(STREAM_ADDRESS), self.word(STREAM_PORT) as u16);
        let wanted = self.word(CONTROL) != 0 && self.sending && port != 0;
        wanted.then(|| SocketAddr::from((Ipv4Addr::from(address), port)))
    }

    /// Answers a request. Also returns the size of a test packet, if the request asks for one.
    fn answer(&mut self, request: &[u8]) -> Option<(Vec<u8>, Option<usize>)> {
        let u16_at = |i: usize| Some(u16::from_be_bytes(request.get(i..i + 2)?.try_into().ok()?));
        let word = |i: usize| Some(u32::from_be_bytes(request.get(i..i + 4)?.try_into().ok()?));
        if *request.first()? != 0x42 {
            return None;
        }
        let (command, id, mut test) = (u16_at(2)?, u16_at(6)?, None);
        let body = match command {
            0x0002 => self.bytes[..0xf8].to_vec(),
            0x0080 => self.word(word(8)? as usize).to_be_bytes().to_vec(),
            0x0082 => {
                let (address, value) = (word(8)? as usize, word(12)?);
                // The highest bit requests a test packet of this size now.
                if address == STREAM_PACKET && value >> 31 != 0 {
                    test = Some((value & 0xffff) as usize);
                }
                let value = if address == STREAM_PACKET { value & 0xffff } else { value };
                self.write(address, &value.to_be_bytes());
                vec![0, 0, 0, 1]
            }
            0x0084 => {
                let (address, count) = (word(8)?, u16_at(14)? as usize);
                let found = self.bytes.get(address as usize..address as usize + count)?;
                [&address.to_be_bytes(), found].concat()
            }
            0x0086 => {
                self.write(word(8)? as usize, request.get(12..)?);
                vec![0, 0, 0, 1]
            }
            _ => return None,
        };
        let length = body.len() as u16;
        let head = [0, command + 1, length, id].map(u16::to_be_bytes).concat();
        Some(([head, body].concat(), test))
    }
}

/// A packet of a frame; kind 1 is its leader, 2 its trailer, 3 a part of its payload.
fn packet(frame: u64, kind: u32, number: u32, body: &[u8]) -> Vec<u8> {
    let head = [0, frame as u16].map(u16::to_be_bytes).concat();
    [&head[..], &(kind << 24 | number).to_be_bytes(), body].concat()
}

fn send(socket: &UdpSocket, to: SocketAddr, registers: &Registers, frame: u64) {
    let stamp_ns = frame * PERIOD_US as u64 * 1000;
    let words = |values: &[u32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let (width, height) = (registers.word(at::WIDTH), registers.word(at::HEIGHT));
    let leader = words(&[
        u32::from(PAYLOAD_KIND),
        (stamp_ns >> 32) as u32,
        stamp_ns as u32,
        MONO8,
        width,
        height,
        0,
        0,
        0,
    ]);
    let room = registers.word(STREAM_PACKET) as usize - 36;
    let mut packets = vec![packet(frame, 1, 0, &leader)];
    for part in registers.payload(frame, stamp_ns).chunks(room) {
        packets.push(packet(frame, 3, packets.len() as u32, part));
    }
    packets.push(packet(
        frame,
        2,
        packets.len() as u32,
        &words(&[u32::from(PAYLOAD_KIND), height]),
    ));
    for packet in packets {
        // The receiver may be gone.
        let _ = socket.send_to(&packet, to);
    }
}

/// The camera; it disconnects when dropped.
pub struct Camera {
    registers: Arc<Mutex<Registers>>,
    unplugged: Arc<AtomicBool>,
    lose: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    /// Connects it to the loopback interface, which must be in the caller's own namespace.
    pub fn plug_in() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let registers = Arc::new(Mutex::new(Registers::new()));
        let unplugged = Arc::new(AtomicBool::new(false));
        let lose = Arc::new(AtomicU32::new(0));
        let (own, thread_unplugged) = (registers.clone(), unplugged.clone());
        let thread_lose = lose.clone();
        let thread =
            std::thread::spawn(move || run(&socket, &own, &thread_unplugged, &thread_lose));
        Self { registers, unplugged, lose, thread: Some(thread) }
    }

    /// Takes `count` frames that it does not send.
    pub fn lose(&self, count: u32) {
        self.lose.store(count, Ordering::Release);
    }

    /// Whether no program controls it.
    pub fn is_released(&self) -> bool {
        self.registers.lock().unwrap().word(CONTROL) == 0
    }

    /// Whether exposures follow the pulse width, and whether the trigger is on.
    pub fn modes(&self) -> (bool, bool) {
        let registers = self.registers.lock().unwrap();
        (registers.word(at::EXPOSURE_MODE) == 1, registers.word(at::TRIGGER_MODE) == 1)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.unplugged.store(true, Ordering::Release);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|e| e.is_ok()));
    }
}

fn run(socket: &UdpSocket, registers: &Mutex<Registers>, unplugged: &AtomicBool, lose: &AtomicU32) {
    let (mut request, mut frame, mut due) = ([0; 2048], 1, Instant::now());
    while !unplugged.load(Ordering::Acquire) {
        match socket.recv_from(&mut request) {
            Ok((length, from)) => {
                let mut registers = registers.lock().unwrap();
                let Some((answer, test)) = registers.answer(&request[..length]) else { continue };
                socket.send_to(&answer, from).unwrap();
                if let Some(size) = test {
                    let port = registers.word(STREAM_PORT) as u16;
                    let address = Ipv4Addr::from(registers.word(STREAM_ADDRESS));
                    let _ = socket.send_to(&vec![0; size - 28], (address, port));
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => panic!("{e}"),
        }
        let registers = registers.lock().unwrap();
        if let Some(to) = registers.stream_target().filter(|_| Instant::now() >= due) {
            frame += u64::from(lose.swap(0, Ordering::AcqRel));
            send(socket, to, &registers, frame);
            frame += 1;
            due = Instant::now() + Duration::from_micros(PERIOD_US as u64);
        }
    }
}
