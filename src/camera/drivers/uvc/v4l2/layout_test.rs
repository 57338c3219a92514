//! Compares structures, constants and call numbers with the kernel's headers, where a C compiler
//! and the headers are installed.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::process::Command;

/// What C must compute, and the value in this program.
fn facts() -> Vec<(String, u64)> {
    let mut facts = Vec::new();
    macro_rules! layout {
        ($c:literal, $rust:ty, $($field:ident = $member:literal),*) => {
            facts.push((format!("sizeof(struct {})", $c), size_of::<$rust>() as u64));
            $(facts.push((
                format!("offsetof(struct {}, {})", $c, $member),
                offset_of!($rust, $field) as u64,
            ));)*
        };
    }
    layout!(
        "v4l2_capability",
        Capability,
        driver = "driver",
        card = "card",
        bus_info = "bus_info",
        capabilities = "capabilities",
        device_caps = "device_caps"
    );
    layout!(
        "v4l2_fmtdesc",
        FormatDescription,
        index = "index",
        kind = "type",
        description = "description",
        pixelformat = "pixelformat"
    );
    layout!(
        "v4l2_frmsizeenum",
        FrameSize,
        index = "index",
        pixel_format = "pixel_format",
        kind = "type",
        size = "discrete",
        size = "stepwise.min_width"
    );
    layout!(
        "v4l2_frmivalenum",
        FrameInterval,
        index = "index",
        pixel_format = "pixel_format",
        width = "width",
        height = "height",
        kind = "type",
        interval = "discrete",
        interval = "stepwise.min"
    );
    layout!(
        "v4l2_format",
        Format,
        kind = "type",
        width = "fmt.pix.width",
        height = "fmt.pix.height",
        pixelformat = "fmt.pix.pixelformat",
        field = "fmt.pix.field",
        bytesperline = "fmt.pix.bytesperline",
        sizeimage = "fmt.pix.sizeimage",
        rest = "fmt.pix.colorspace"
    );
    layout!(
        "v4l2_streamparm",
        StreamParameters,
        kind = "type",
        capability = "parm.capture.capability",
        capturemode = "parm.capture.capturemode",
        timeperframe = "parm.capture.timeperframe"
    );
    layout!(
        "v4l2_requestbuffers",
        RequestBuffers,
        count = "count",
        kind = "type",
        memory = "memory",
        capabilities = "capabilities"
    );
    layout!(
        "v4l2_buffer",
        Buffer,
        index = "index",
        kind = "type",
        bytesused = "bytesused",
        flags = "flags",
        field = "field",
        seconds = "timestamp.tv_sec",
        microseconds = "timestamp.tv_usec",
        timecode = "timecode",
        sequence = "sequence",
        memory = "memory",
        offset = "m.offset",
        length = "length",
        request_fd = "request_fd"
    );
    layout!(
        "v4l2_queryctrl",
        ControlDescription,
        id = "id",
        kind = "type",
        name = "name",
        minimum = "minimum",
        maximum = "maximum",
        step = "step",
        flags = "flags"
    );
    layout!("v4l2_control", ControlValue, id = "id", value = "value");
    layout!("v4l2_querymenu", MenuItem, id = "id", index = "index", name = "name");

    let calls = [
        ("VIDIOC_QUERYCAP", Request::QueryCapability),
        ("VIDIOC_ENUM_FMT", Request::EnumFormat),
        ("VIDIOC_ENUM_FRAMESIZES", Request::EnumFrameSize),
        ("VIDIOC_ENUM_FRAMEINTERVALS", Request::EnumFrameInterval),
        ("VIDIOC_G_FMT", Request::GetFormat),
        ("VIDIOC_S_FMT", Request::SetFormat),
        ("VIDIOC_G_PARM", Request::GetParameters),
        ("VIDIOC_S_PARM", Request::SetParameters),
        ("VIDIOC_REQBUFS", Request::RequestBuffers),
        ("VIDIOC_QUERYBUF", Request::QueryBuffer),
        ("VIDIOC_QBUF", Request::QueueBuffer),
        ("VIDIOC_DQBUF", Request::DequeueBuffer),
        ("VIDIOC_STREAMON", Request::StreamOn),
        ("VIDIOC_STREAMOFF", Request::StreamOff),
        ("VIDIOC_QUERYCTRL", Request::QueryControl),
        ("VIDIOC_QUERYMENU", Request::QueryMenu),
        ("VIDIOC_G_CTRL", Request::GetControl),
        ("VIDIOC_S_CTRL", Request::SetControl),
    ];
    facts.extend(calls.map(|(name, request)| {
        let (opcode, _) = request.opcode_and_size();
        (name.to_owned(), u64::from(opcode))
    }));
    let constants = [
        ("V4L2_BUF_TYPE_VIDEO_CAPTURE", CAPTURE),
        ("V4L2_BUF_TYPE_VIDEO_OUTPUT", OUTPUT),
        ("V4L2_MEMORY_MMAP", MMAP),
        ("V4L2_CAP_VIDEO_CAPTURE", CAP_CAPTURE),
        ("V4L2_CAP_VIDEO_OUTPUT", CAP_OUTPUT),
        ("V4L2_CAP_STREAMING", CAP_STREAMING),
        ("V4L2_CAP_DEVICE_CAPS", CAP_DEVICE_CAPS),
        ("V4L2_FRMSIZE_TYPE_DISCRETE", DISCRETE),
        ("V4L2_FRMIVAL_TYPE_DISCRETE", DISCRETE),
        ("V4L2_BUF_FLAG_ERROR", FLAG_ERROR),
        ("V4L2_BUF_FLAG_TIMESTAMP_MASK", FLAG_CLOCK),
        ("V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC", FLAG_MONOTONIC),
        ("V4L2_BUF_FLAG_TSTAMP_SRC_MASK", FLAG_SOURCE),
        ("V4L2_BUF_FLAG_TSTAMP_SRC_SOE", FLAG_START_OF_EXPOSURE),
        ("V4L2_FIELD_NONE", FIELD_NONE),
        ("V4L2_COLORSPACE_SRGB", COLORSPACE_SRGB),
        ("V4L2_CTRL_FLAG_DISABLED", CONTROL_DISABLED),
        ("V4L2_PIX_FMT_MJPEG", MJPG),
        ("V4L2_PIX_FMT_JPEG", JPEG),
        ("V4L2_PIX_FMT_YUYV", YUYV),
        ("V4L2_PIX_FMT_UYVY", UYVY),
        ("V4L2_PIX_FMT_GREY", GREY),
        ("V4L2_PIX_FMT_RGB24", RGB24),
        ("V4L2_CID_AUTO_WHITE_BALANCE", AUTO_WHITE_BALANCE),
        ("V4L2_CID_AUTOGAIN", AUTOGAIN),
        ("V4L2_CID_GAIN", GAIN),
        ("V4L2_CID_WHITE_BALANCE_TEMPERATURE", WHITE_BALANCE_TEMPERATURE),
        ("V4L2_CID_EXPOSURE_AUTO", EXPOSURE_AUTO),
        ("V4L2_CID_EXPOSURE_ABSOLUTE", EXPOSURE_ABSOLUTE),
        ("V4L2_CID_EXPOSURE_AUTO_PRIORITY", EXPOSURE_AUTO_PRIORITY),
        ("V4L2_CID_FOCUS_ABSOLUTE", FOCUS_ABSOLUTE),
        ("V4L2_CID_FOCUS_AUTO", FOCUS_AUTO),
        ("V4L2_EXPOSURE_AUTO", 0),
        ("V4L2_EXPOSURE_MANUAL", 1),
        ("V4L2_EXPOSURE_SHUTTER_PRIORITY", 2),
        ("V4L2_EXPOSURE_APERTURE_PRIORITY", 3),
    ];
    facts.extend(constants.map(|(name, value)| (name.to_owned(), u64::from(value))));
    facts
}

#[test]
fn structures_and_numbers_are_those_of_the_kernels_headers() {
    let headers = ["/usr/include/linux/videodev2.h", "/usr/include/linux/v4l2-controls.h"];
    if headers.iter().any(|header| !std::path::Path::new(header).exists()) {
        println!("skipped: the kernel's headers are not installed (linux-libc-dev)");
        return;
    }
    let facts = facts();
    let mut source = String::from(
        "#include <stdio.h>\n#include <stddef.h>\n#include <sys/time.h>\n\
         #include <linux/videodev2.h>\nint main(void) {\n",
    );
    for (expression, _) in &facts {
        writeln!(source, "printf(\"%llu\\n\", (unsigned long long)({expression}));").unwrap();
    }
    source += "return 0; }\n";
    let folder = tempfile::tempdir().unwrap();
    let (file, program) = (folder.path().join("layout.c"), folder.path().join("layout"));
    std::fs::write(&file, source).unwrap();
    let Ok(compiled) = Command::new("cc").arg("-o").arg(&program).arg(&file).output() else {
        println!("skipped: no C compiler here");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let printed = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let values: Vec<u64> = printed.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(values.len(), facts.len());
    for ((expression, own), kernels) in facts.iter().zip(values) {
        assert_eq!(*own, kernels, "{expression}");
    }
}
