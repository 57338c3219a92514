//! The camera's description: its registers as GenICam features, with the names of the Standard
//! Features Naming Convention.

/// Register addresses of the features.
pub mod at {
    pub const WIDTH: usize = 0x8000;
    pub const HEIGHT: usize = 0x8004;
    pub const PIXEL_FORMAT: usize = 0x8008;
    pub const START: usize = 0x800c;
    pub const STOP: usize = 0x8010;
    pub const EXPOSURE_MODE: usize = 0x8014;
    pub const TRIGGER_MODE: usize = 0x8018;
    pub const CHUNK_MODE: usize = 0x801c;
    pub const CHUNK_SELECTOR: usize = 0x8020;
    pub const CHUNK_ENABLE: usize = 0x8024;
    pub const ACQUISITION_MODE: usize = 0x8028;
    pub const PAYLOAD: usize = 0x802c;
    pub const EXPOSURE_US: usize = 0x8040;
}

/// 8-bit gray, with its code in the Pixel Format Naming Convention.
pub const MONO8: u32 = 0x0108_0001;

/// The available chunks, in selector order; a chunk's id is its index plus one.
pub const CHUNKS: [&str; 3] = ["Timestamp", "ExposureTime", "FrameID"];

fn register(kind: &str, name: &str, address: usize, length: usize, port: &str) -> String {
    let sign = if kind == "IntReg" { "<Sign>Unsigned</Sign>" } else { "" };
    format!(
        "<{kind} Name=\"{name}\"><Address>{address}</Address><Length>{length}</Length>\
         <AccessMode>RW</AccessMode><pPort>{port}</pPort>{sign}<Endianess>BigEndian</Endianess>\
         </{kind}>"
    )
}

fn whole(name: &str, address: usize) -> String {
    let stored = register("IntReg", &format!("{name}Stored"), address, 4, "Device");
    format!(
        "{stored}<Integer Name=\"{name}\"><pValue>{name}Stored</pValue><Min>16</Min>\
         <Max>1048576</Max><Inc>1</Inc></Integer>"
    )
}

fn choice(name: &str, address: usize, entries: &[(&str, u32)]) -> String {
    let entry = |(name, value): &(&str, u32)| {
        format!("<EnumEntry Name=\"{name}\"><Value>{value}</Value></EnumEntry>")
    };
    let entries: String = entries.iter().map(entry).collect();
    let stored = register("IntReg", &format!("{name}Stored"), address, 4, "Device");
    format!(
        "{stored}<Enumeration Name=\"{name}\">{entries}<pValue>{name}Stored</pValue></Enumeration>"
    )
}

fn simple(kind: &str, name: &str, address: usize, values: &str) -> String {
    let stored = register("IntReg", &format!("{name}Stored"), address, 4, "Device");
    format!("{stored}<{kind} Name=\"{name}\"><pValue>{name}Stored</pValue>{values}</{kind}>")
}

fn switch(name: &str, address: usize) -> String {
    simple("Boolean", name, address, "<OnValue>1</OnValue><OffValue>0</OffValue>")
}

fn command(name: &str, address: usize) -> String {
    simple("Command", name, address, "<CommandValue>1</CommandValue>")
}

/// A chunk value of a frame.
fn chunk(number: usize, name: &str) -> String {
    let (port, kind) =
        (format!("Chunk{name}Port"), if name == "ExposureTime" { "FloatReg" } else { "IntReg" });
    let value = register(kind, &format!("Chunk{name}"), 0, 8, &port);
    format!("<Port Name=\"{port}\"><ChunkID>{number}</ChunkID></Port>{value}")
}

/// The complete description.
pub fn description() -> String {
    let exposure_modes = [("Timed", 0), ("TriggerWidth", 1)];
    let selectable: Vec<(&str, u32)> = CHUNKS.into_iter().zip(0..).collect();
    let nodes = [
        whole("Width", at::WIDTH),
        whole("Height", at::HEIGHT),
        whole("PayloadSize", at::PAYLOAD),
        choice("PixelFormat", at::PIXEL_FORMAT, &[("Mono8", MONO8)]),
        choice("AcquisitionMode", at::ACQUISITION_MODE, &[("Continuous", 0)]),
        command("AcquisitionStart", at::START),
        command("AcquisitionStop", at::STOP),
        choice("ExposureMode", at::EXPOSURE_MODE, &exposure_modes),
        choice("TriggerMode", at::TRIGGER_MODE, &[("Off", 0), ("On", 1)]),
        switch("ChunkModeActive", at::CHUNK_MODE),
        choice("ChunkSelector", at::CHUNK_SELECTOR, &selectable),
        switch("ChunkEnable", at::CHUNK_ENABLE),
        register("FloatReg", "ExposureTimeStored", at::EXPOSURE_US, 8, "Device"),
        "<Float Name=\"ExposureTime\"><pValue>ExposureTimeStored</pValue><Min>1</Min>\
         <Max>1000000</Max></Float>"
            .to_owned(),
        (1..).zip(CHUNKS).map(|(number, name)| chunk(number, name)).collect(),
        "<Port Name=\"Device\"/>".to_owned(),
    ];
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <RegisterDescription ModelName=\"Pulse\" VendorName=\"Test\" StandardNameSpace=\"GEV\" \
         SchemaMajorVersion=\"1\" SchemaMinorVersion=\"1\" SchemaSubMinorVersion=\"0\" \
         MajorVersion=\"1\" MinorVersion=\"0\" SubMinorVersion=\"0\" \
         xmlns=\"http://www.genicam.org/GenApi/Version_1_1\">{}</RegisterDescription>",
        nodes.concat()
    )
}
