//! ROS 1 bags, format 2.0 (wiki.ros.org/Bags/Format/2.0).

use super::container::{ChunkFault, Container, Damage, Input, OnMessage, Place, Topic, unpack};
use crate::sequence::import::error::ImportError;
use std::collections::HashMap;
use std::path::Path;

/// The first bytes of a file.
const MAGIC: &[u8] = b"#ROSBAG V2.0\n";

/// Bytes of a record without header and data. There are none in a bag: zeros, as of a download that did
/// not finish, look like that.
const EMPTY: usize = 8;
/// Kinds of records.
const MESSAGE: u8 = 2;
const CHUNK: u8 = 5;
const CONNECTION: u8 = 7;

/// A bag.
pub(super) struct Bag {
    input: Input,
    topics: HashMap<u32, Topic>,
}

/// A record: the fields of its header, and the range of its data.
struct Record<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    data_at: usize,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record at a position of `bytes`; `None` if it is cut off.
    fn read(bytes: &'a [u8], at: usize) -> Option<Self> {
        let header_length = length(bytes, at)?;
        let header_at = at.checked_add(4)?;
        let header = bytes.get(header_at..header_at.checked_add(header_length)?)?;
        let data_length = length(bytes, header_at + header_length)?;
        let data_at = header_at + header_length + 4;
        let data = bytes.get(data_at..data_at.checked_add(data_length)?)?;
        Some(Self { fields: fields(header)?, data_at, data })
    }

    fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(n, _)| *n == name.as_bytes()).map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> Option<u32> {
        Some(u32::from_le_bytes(self.field(name)?.try_into().ok()?))
    }

    fn op(&self) -> Option<u8> {
        self.field("op")?.first().copied()
    }
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}

/// The fields of a header, each a length and `name=value`.
fn fields(header: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (mut at, mut out) = (0, Vec::new());
    while at < header.len() {
        let field = header.get(at + 4..(at + 4).checked_add(length(header, at)?)?)?;
        let equals = field.iter().position(|b| *b == b'=')?;
        out.push((field.get(..equals)?, field.get(equals + 1..)?));
        at += 4 + field.len();
    }
    Some(out)
}

impl Bag {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let mut input = Input::open(path)?;
        let magic = input.read(0, MAGIC.len() as u64)?;
        if magic.as_deref() != Some(MAGIC) {
            return Err(input.bad("not a ROS 1 bag of version 2.0: convert it with rosbag fix"));
        }
        Ok(Self { input, topics: HashMap::new() })
    }

    /// The bytes of a record in the file; `None` if it is cut off.
    fn record(&mut self, at: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let mut total = 0;
        for _ in 0..2 {
            let Some(four) = self.input.read(at.saturating_add(total), 4)? else { return Ok(None) };
            total += 4 + length(&four, 0).unwrap_or(0) as u64;
        }
        self.input.read(at, total)
    }

    fn connection(&mut self, record: &Record<'_>) -> Option<()> {
        let connection = fields(record.data)?;
        let get = |name: &str| {
            let found = connection.iter().find(|(n, _)| *n == name.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let name = String::from_utf8_lossy(record.field("topic")?).into_owned();
        let topic = Topic { name, kind: get("type")?, cdr: false };
        self.topics.insert(record.number("conn")?, topic);
        Some(())
    }

    /// Reads the records in `bytes`, which are a chunk or one record of the file. What is damaged is
    /// left out.
    fn records(
        &mut self,
        bytes: &[u8],
        chunk: Option<u64>,
        file_at: u64,
        on: &mut OnMessage<'_>,
        damage: &mut Damage,
    ) -> Result<(), ImportError> {
        let mut at = 0;
        while at < bytes.len() {
            let Some(record) = Record::read(bytes, at) else {
                damage.add("a damaged record".into());
                return Ok(());
            };
            let end = record.data_at + record.data.len();
            match record.op() {
                Some(CONNECTION) if self.connection(&record).is_none() => {
                    damage.add("a damaged description of a topic".into());
                }
                Some(CONNECTION) => {}
                Some(MESSAGE) => {
                    let topic = record.number("conn").and_then(|c| self.topics.get(&c));
                    let place_at =
                        if chunk.is_some() { 0 } else { file_at } + record.data_at as u64;
                    let place = Place { chunk, at: place_at, length: record.data.len() };
                    match topic.cloned() {
                        Some(topic) => on(&topic, place, record.data)?,
                        None => damage.unknown = damage.unknown.saturating_add(1),
                    }
                }
                Some(CHUNK) if chunk.is_none() => match unpacked(&record) {
                    Ok(inner) => {
                        self.input.unpacked(inner.len())?;
                        self.records(&inner, Some(file_at), file_at, on, damage)?;
                    }
                    Err(ChunkFault::Damaged(why)) => damage.add(why),
                    Err(ChunkFault::Refused(why)) => return Err(self.input.bad(why)),
                },
                _ => {}
            }
            at = end;
        }
        Ok(())
    }
}

/// The contents of a chunk.
fn unpacked(record: &Record<'_>) -> Result<Vec<u8>, ChunkFault> {
    let compression = record.field("compression").unwrap_or(b"none");
    let size = record.number("size").map_or(record.data.len() as u64, u64::from);
    unpack(&String::from_utf8_lossy(compression), record.data.to_vec(), size)
}

impl Container for Bag {
    fn format(&self) -> &'static str {
        "ROS 1 bag"
    }

    fn scan(&mut self, on: &mut OnMessage<'_>) -> Result<Option<String>, ImportError> {
        let mut damage = Damage::default();
        let mut at = MAGIC.len() as u64;
        while at < self.input.length {
            let Some(bytes) = self.record(at)?.filter(|bytes| bytes.len() > EMPTY) else {
                damage.cut_off = Some(self.input.length - at);
                break;
            };
            self.records(&bytes, None, at, on, &mut damage)?;
            at += bytes.len() as u64;
        }
        Ok(damage.remark())
    }

    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn chunk(&mut self, at: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(bytes) = self.record(at)? else { return Ok(None) };
        Ok(Record::read(&bytes, 0).and_then(|record| unpacked(&record).ok()))
    }
}

#[cfg(test)]
mod tests;
