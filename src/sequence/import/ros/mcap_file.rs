//! MCAP files, as ROS 2 records them (mcap.dev).

use super::container::{ChunkFault, Container, Damage, Input, OnMessage, Place, Topic, unpack};
use crate::sequence::import::error::ImportError;
use mcap::records::Record;
use std::collections::HashMap;
use std::path::Path;

/// The first bytes of a file.
const MAGIC: &[u8] = mcap::MAGIC;

/// Bytes before a record: its kind and its length.
const HEAD: u64 = 9;
/// Bytes of a message before its data: channel, sequence number and two times.
const MESSAGE_HEAD: usize = 22;
/// Kinds of records. The first is not valid, but that of zeros, as of a download that did not finish.
const NONE: u8 = 0;
const FOOTER: u8 = 0x02;
const SCHEMA: u8 = 0x03;
const CHANNEL: u8 = 0x04;
const MESSAGE: u8 = 0x05;
const CHUNK: u8 = 0x06;

/// A file.
pub(super) struct McapFile {
    input: Input,
    schemas: HashMap<u16, String>,
    topics: HashMap<u16, Topic>,
}

impl McapFile {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let mut input = Input::open(path)?;
        if input.read(0, MAGIC.len() as u64)?.as_deref() != Some(MAGIC) {
            return Err(input.bad("not an MCAP file"));
        }
        Ok(Self { input, schemas: HashMap::new(), topics: HashMap::new() })
    }

    /// Kind and body of a record of the file; `None` if it is cut off.
    fn record(&mut self, at: u64) -> Result<Option<(u8, Vec<u8>)>, ImportError> {
        let Some(head) = self.input.read(at, HEAD)? else { return Ok(None) };
        let Some((kind, length)) = head_of(&head) else { return Ok(None) };
        Ok(self.input.read(at + HEAD, length)?.map(|body| (kind, body)))
    }

    /// Handles one record; `at` is the position of its body in the chunk or in the file.
    fn take(
        &mut self,
        (kind, body): (u8, &[u8]),
        (chunk, at): (Option<u64>, u64),
        on: &mut OnMessage<'_>,
        damage: &mut Damage,
    ) -> Result<(), ImportError> {
        if ![SCHEMA, CHANNEL, MESSAGE].contains(&kind) {
            return Ok(());
        }
        let record = match mcap::parse_record(kind, body) {
            Ok(record) => record,
            Err(e) => {
                damage.add(e.to_string());
                return Ok(());
            }
        };
        match record {
            Record::Schema { header, .. } => {
                self.schemas.insert(header.id, header.name);
            }
            Record::Channel(channel) => {
                let kind = self.schemas.get(&channel.schema_id).cloned().unwrap_or_default();
                let cdr = channel.message_encoding != "ros1";
                self.topics.insert(channel.id, Topic { name: channel.topic, kind, cdr });
            }
            Record::Message { header, data } => {
                let at = at + MESSAGE_HEAD as u64;
                let place = Place { chunk, at, length: data.len() };
                match self.topics.get(&header.channel_id) {
                    Some(topic) => on(topic, place, &data)?,
                    None => damage.unknown = damage.unknown.saturating_add(1),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Handles the records of the chunk at a position of the file.
    fn chunk_records(
        &mut self,
        bytes: &[u8],
        chunk: u64,
        on: &mut OnMessage<'_>,
        damage: &mut Damage,
    ) -> Result<(), ImportError> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let record = head_of(rest).and_then(|(kind, length)| {
                let from = at + HEAD as usize;
                let until = from.checked_add(usize::try_from(length).ok()?)?;
                Some((kind, bytes.get(from..until)?, from, until))
            });
            let Some((kind, body, from, until)) = record else {
                damage.add("a damaged record in a chunk".into());
                break;
            };
            self.take((kind, body), (Some(chunk), from as u64), on, damage)?;
            at = until;
        }
        Ok(())
    }
}

/// The contents of a chunk, checked against its checksum.
fn unpacked(body: &[u8]) -> Result<Vec<u8>, ChunkFault> {
    let damaged = |why: String| ChunkFault::Damaged(why);
    let record = mcap::parse_record(CHUNK, body).map_err(|e| damaged(e.to_string()))?;
    let Record::Chunk { header, data } = record else {
        return Err(damaged("a damaged chunk".into()));
    };
    let bytes = unpack(&header.compression, data.into_owned(), header.uncompressed_size)?;
    // Zero means that there is no checksum.
    let mut found = flate2::Crc::new();
    found.update(&bytes);
    match [0, found.sum()].contains(&header.uncompressed_crc) {
        true => Ok(bytes),
        false => Err(damaged("a chunk does not match its checksum".into())),
    }
}

fn head_of(bytes: &[u8]) -> Option<(u8, u64)> {
    let (kind, length) = bytes.split_first()?;
    Some((*kind, u64::from_le_bytes(length.get(..8)?.try_into().ok()?)))
}

impl Container for McapFile {
    fn format(&self) -> &'static str {
        "MCAP"
    }

    fn scan(&mut self, on: &mut OnMessage<'_>) -> Result<Option<String>, ImportError> {
        let mut damage = Damage::default();
        let mut at = MAGIC.len() as u64;
        while at < self.input.length {
            let Some((kind, body)) = self.record(at)?.filter(|(kind, _)| *kind != NONE) else {
                damage.cut_off = Some(self.input.length - at);
                return Ok(damage.remark());
            };
            if kind == FOOTER {
                return Ok(damage.remark());
            }
            if kind == CHUNK {
                match unpacked(&body) {
                    Ok(bytes) => {
                        self.input.unpacked(bytes.len())?;
                        self.chunk_records(&bytes, at, on, &mut damage)?;
                    }
                    Err(ChunkFault::Damaged(why)) => damage.add(why),
                    Err(ChunkFault::Refused(why)) => return Err(self.input.bad(why)),
                }
            } else {
                self.take((kind, &body), (None, at + HEAD), on, &mut damage)?;
            }
            at += HEAD + body.len() as u64;
        }
        // There is no footer.
        damage.cut_off = Some(0);
        Ok(damage.remark())
    }

    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn chunk(&mut self, at: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some((_, body)) = self.record(at)? else { return Ok(None) };
        Ok(unpacked(&body).ok())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use mcap::records::MessageHeader;

    /// Topic, type and bytes.
    type Message = (String, String, Vec<u8>);

    fn messages(path: &Path) -> (Vec<Message>, Option<String>) {
        let mut file = McapFile::open(path).unwrap();
        let mut found = Vec::new();
        let remark = file.scan(&mut |topic, place, bytes| {
            found.push((topic.clone(), place, bytes.to_vec()));
            Ok(())
        });
        let remark = remark.unwrap();
        let each = found.into_iter().map(|(topic, place, bytes)| {
            assert_eq!(file.message(place).unwrap(), bytes, "read again at its place");
            assert!(topic.cdr);
            (topic.name, topic.kind, bytes)
        });
        (each.collect(), remark)
    }

    #[test]
    fn messages_are_found_in_chunks_and_outside() {
        let folder = tempfile::tempdir().unwrap();
        for chunks in [true, false] {
            let path = folder.path().join(format!("{chunks}.mcap"));
            let options = mcap::WriteOptions::new().compression(None).use_chunks(chunks);
            let options = options.chunk_size(Some(100));
            let mut writer = options.create(std::fs::File::create(&path).unwrap()).unwrap();
            let schema = writer.add_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data").unwrap();
            let none = std::collections::BTreeMap::new();
            let channel_id = writer.add_channel(schema, "/exposure", "cdr", &none).unwrap();
            for sequence in 0..9_u8 {
                let time = u64::from(sequence);
                let (log_time, publish_time, sequence) = (time, time, sequence.into());
                let header = MessageHeader { channel_id, sequence, log_time, publish_time };
                writer.write_to_known_channel(&header, &[time as u8; 40]).unwrap();
            }
            writer.finish().unwrap();
            drop(writer);
            let (found, remark) = messages(&path);
            assert_eq!((found.len(), remark), (9, None));
            for (i, (topic, kind, bytes)) in found.iter().enumerate() {
                assert_eq!((topic.as_str(), kind.as_str()), ("/exposure", "std_msgs/msg/Int32"));
                assert_eq!(*bytes, [i as u8; 40]);
            }
            // Cut off: what is whole is read, and the rest is named.
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, bytes.get(..bytes.len() / 3).unwrap()).unwrap();
            let (found, remark) = messages(&path);
            assert!((1..9).contains(&found.len()), "{} messages", found.len());
            assert!(remark.unwrap().contains("cut off"));
        }
    }

    #[test]
    fn zeros_are_a_part_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mcap");
        std::fs::write(&path, [MAGIC, &[0; 1000]].concat()).unwrap();
        let remark = McapFile::open(&path).unwrap().scan(&mut |_, _, _| Ok(())).unwrap();
        assert!(remark.unwrap().contains("its last 1000 bytes"));
    }

    #[test]
    fn a_damaged_chunk_is_left_out_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mcap");
        let options = mcap::WriteOptions::new().compression(None).chunk_size(Some(100));
        let mut writer = options.create(std::fs::File::create(&path).unwrap()).unwrap();
        let schema = writer.add_schema("std_msgs/msg/Int32", "ros2msg", b"int32 data").unwrap();
        let none = std::collections::BTreeMap::new();
        let channel_id = writer.add_channel(schema, "/exposure", "cdr", &none).unwrap();
        for sequence in 0..9_u8 {
            let (log_time, publish_time) = (sequence.into(), sequence.into());
            let header =
                MessageHeader { channel_id, sequence: sequence.into(), log_time, publish_time };
            writer.write_to_known_channel(&header, &[0xa0 + sequence; 40]).unwrap();
        }
        writer.finish().unwrap();
        drop(writer);
        let (whole, _) = messages(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        // One bit of a message in the middle.
        let at = bytes.windows(40).position(|w| *w == [0xa4; 40]).unwrap();
        *bytes.get_mut(at + 7).unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let (found, remark) = messages(&path);
        assert!((5..9).contains(&found.len()), "{} messages", found.len());
        assert!(found.iter().all(|message| whole.contains(message)));
        let remark = remark.unwrap();
        assert!(remark.contains("1 damaged parts") && remark.contains("checksum"), "{remark}");
    }
}
