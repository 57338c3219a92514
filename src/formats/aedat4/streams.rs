//! The streams of a file, as the XML in its header lists them.

use super::kind::{PacketKind, kind};
use crate::image::Size;
use roxmltree::{Document, Node, ParsingOptions};

/// Largest number of streams that are listed; recordings have fewer than ten.
const MAX_STREAMS: usize = 256;
/// Largest number of XML nodes; a stream has about twenty.
const MAX_NODES: u32 = 100_000;

/// What the header states about a stream. Texts are empty where it states nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Number of the stream, which every packet carries.
    pub number: i32,
    /// Content of its packets.
    pub kind: PacketKind,
    /// Four letters for the content, such as `EVTS`.
    pub type_name: String,
    /// Name of the camera that it comes from (`source`), usually model and serial number.
    pub camera: String,
    /// Module of the recording software that made it.
    pub module: String,
    /// Name of the module's output, such as `frames`.
    pub output: String,
    /// Resolution, for events and frames.
    pub size: Option<Size>,
}

impl StreamInfo {
    /// A stream that the header does not list.
    pub fn unlisted(number: i32, kind: PacketKind) -> Self {
        let empty = String::new;
        Self {
            number,
            kind,
            type_name: empty(),
            camera: empty(),
            module: empty(),
            output: empty(),
            size: None,
        }
    }
}

/// The streams in the header's XML, by number; none if it is not XML.
pub(super) fn parse(xml: &str) -> Vec<StreamInfo> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let xml = xml.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let Ok(document) = Document::parse_with_options(xml, options) else { return Vec::new() };
    let list = document.descendants().find(|n| n.attribute("name") == Some("outInfo"));
    let nodes = list.into_iter().flat_map(|list| list.children());
    let mut streams: Vec<StreamInfo> = nodes.filter_map(stream).take(MAX_STREAMS).collect();
    streams.sort_by_key(|s| s.number);
    streams.dedup_by_key(|s| s.number);
    streams
}

fn stream(node: Node<'_, '_>) -> Option<StreamInfo> {
    let number = node.attribute("name")?.parse().ok()?;
    let info = node.children().find(|n| n.attribute("name") == Some("info"));
    let text = |node: Option<Node<'_, '_>>, key: &str| {
        let value = node.and_then(|n| attribute(n, key)).unwrap_or_default();
        value.trim().to_owned()
    };
    let type_name = text(Some(node), "typeIdentifier");
    let side = |key: &str| text(info, key).parse().ok().filter(|n: &usize| *n > 0);
    let size = side("sizeX").zip(side("sizeY")).map(|(width, height)| Size::new(width, height));
    Some(StreamInfo {
        number,
        kind: kind(type_name.as_bytes()),
        camera: text(info, "source"),
        module: text(Some(node), "originalModuleName"),
        output: text(Some(node), "originalOutputName"),
        type_name,
        size,
    })
}

fn attribute<'a>(node: Node<'a, '_>, key: &str) -> Option<&'a str> {
    node.children()
        .find(|n| n.has_tag_name("attr") && n.attribute("key") == Some(key))
        .and_then(|n| n.text())
}

/// The event sensor's size in a header that is not valid XML, found by searching its text.
pub(super) fn size_in_text(info: &str) -> Option<Size> {
    let events = info.get(info.find(">EVTS<")?..)?;
    let number = |name: &str| -> Option<usize> {
        let after = events.get(events.find(&format!("key=\"{name}\""))?..)?;
        let value = after.get(after.find('>')? + 1..after.find('<')?)?;
        value.trim().parse().ok().filter(|n| *n > 0)
    };
    Some(Size::new(number("sizeX")?, number("sizeY")?))
}
