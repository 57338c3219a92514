//! The kernel's structures and constants, as `linux/videodev2.h` and `linux/v4l2-controls.h`
//! declare them. Only images of one plane are used: captured ones in memory that is mapped, others
//! are written.
//!
//! Unions are given as the member that is used, with the rest as padding. Structures have no
//! hidden padding, so that they can be viewed as bytes.

#![allow(missing_docs, reason = "the names are those of the kernel's documentation")]

use bytemuck::{Pod, Zeroable};
use rustix::ioctl::{Opcode, opcode};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
pub const CAPTURE: u32 = 1;
/// `V4L2_BUF_TYPE_VIDEO_OUTPUT`.
pub const OUTPUT: u32 = 2;
/// `V4L2_MEMORY_MMAP`.
pub const MMAP: u32 = 1;
/// `V4L2_CAP_VIDEO_CAPTURE`.
pub const CAP_CAPTURE: u32 = 0x1;
/// `V4L2_CAP_VIDEO_OUTPUT`.
pub const CAP_OUTPUT: u32 = 0x2;
/// `V4L2_CAP_STREAMING`.
pub const CAP_STREAMING: u32 = 0x0400_0000;
/// `V4L2_CAP_DEVICE_CAPS`: `device_caps` is valid.
pub const CAP_DEVICE_CAPS: u32 = 0x8000_0000;
/// `V4L2_FRMSIZE_TYPE_DISCRETE` and `V4L2_FRMIVAL_TYPE_DISCRETE`; other types are ranges.
pub const DISCRETE: u32 = 1;
/// `V4L2_BUF_FLAG_ERROR`: parts of the image may be missing.
pub const FLAG_ERROR: u32 = 0x40;
/// `V4L2_BUF_FLAG_TIMESTAMP_MASK`.
pub const FLAG_CLOCK: u32 = 0xe000;
/// `V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC`, a value of [`FLAG_CLOCK`].
pub const FLAG_MONOTONIC: u32 = 0x2000;
/// `V4L2_BUF_FLAG_TSTAMP_SRC_MASK`.
pub const FLAG_SOURCE: u32 = 0x0007_0000;
/// `V4L2_BUF_FLAG_TSTAMP_SRC_SOE`, the start of the exposure, a value of [`FLAG_SOURCE`].
pub const FLAG_START_OF_EXPOSURE: u32 = 0x0001_0000;
/// `V4L2_FIELD_NONE`: no interlacing.
pub const FIELD_NONE: u32 = 1;
/// `V4L2_COLORSPACE_SRGB`, which for YUV means the matrix of BT.601 in limited range.
pub const COLORSPACE_SRGB: u32 = 8;
/// `V4L2_CTRL_FLAG_DISABLED`.
pub const CONTROL_DISABLED: u32 = 0x1;

/// Pixel formats, `V4L2_PIX_FMT_*`.
pub const MJPG: u32 = u32::from_le_bytes(*b"MJPG");
pub const JPEG: u32 = u32::from_le_bytes(*b"JPEG");
pub const YUYV: u32 = u32::from_le_bytes(*b"YUYV");
pub const UYVY: u32 = u32::from_le_bytes(*b"UYVY");
pub const GREY: u32 = u32::from_le_bytes(*b"GREY");
pub const RGB24: u32 = u32::from_le_bytes(*b"RGB3");

/// `V4L2_CID_*`.
pub const AUTO_WHITE_BALANCE: u32 = 0x0098_090c;
pub const AUTOGAIN: u32 = 0x0098_0912;
pub const GAIN: u32 = 0x0098_0913;
pub const WHITE_BALANCE_TEMPERATURE: u32 = 0x0098_091a;
pub const EXPOSURE_AUTO: u32 = 0x009a_0901;
/// In units of 100 us.
pub const EXPOSURE_ABSOLUTE: u32 = 0x009a_0902;
pub const EXPOSURE_AUTO_PRIORITY: u32 = 0x009a_0903;
pub const FOCUS_ABSOLUTE: u32 = 0x009a_090a;
pub const FOCUS_AUTO: u32 = 0x009a_090c;

/// `struct v4l2_capability`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Capability {
    pub driver: [u8; 16],
    pub card: [u8; 32],
    pub bus_info: [u8; 32],
    pub version: u32,
    pub capabilities: u32,
    pub device_caps: u32,
    pub reserved: [u32; 3],
}

/// `struct v4l2_fmtdesc`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FormatDescription {
    pub index: u32,
    pub kind: u32,
    pub flags: u32,
    pub description: [u8; 32],
    pub pixelformat: u32,
    pub mbus_code: u32,
    pub reserved: [u32; 3],
}

/// `struct v4l2_frmsizeenum`: `size` is width and height, or for a range the smallest, largest
/// and step of the width, then of the height.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FrameSize {
    pub index: u32,
    pub pixel_format: u32,
    pub kind: u32,
    pub size: [u32; 6],
    pub reserved: [u32; 2],
}

/// `struct v4l2_frmivalenum`: `interval` is a fraction of seconds, or for a range the shortest,
/// longest and step.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FrameInterval {
    pub index: u32,
    pub pixel_format: u32,
    pub width: u32,
    pub height: u32,
    pub kind: u32,
    pub interval: [[u32; 2]; 3],
    pub reserved: [u32; 2],
}

/// `struct v4l2_format` with `struct v4l2_pix_format`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Format {
    pub kind: u32,
    /// The union contains pointers, which are aligned.
    #[cfg(target_pointer_width = "64")]
    pub pad: u32,
    pub width: u32,
    pub height: u32,
    pub pixelformat: u32,
    pub field: u32,
    pub bytesperline: u32,
    pub sizeimage: u32,
    pub rest: [[u32; 11]; 4],
}

/// `struct v4l2_streamparm` with `struct v4l2_captureparm`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct StreamParameters {
    pub kind: u32,
    pub capability: u32,
    pub capturemode: u32,
    pub timeperframe: [u32; 2],
    pub rest: [[u32; 23]; 2],
}

/// `struct v4l2_requestbuffers`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct RequestBuffers {
    pub count: u32,
    pub kind: u32,
    pub memory: u32,
    pub capabilities: u32,
    pub flags: [u8; 4],
}

/// `struct v4l2_buffer` with a timestamp as `struct timeval`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Buffer {
    pub index: u32,
    pub kind: u32,
    pub bytesused: u32,
    pub flags: u32,
    pub field: u32,
    #[cfg(target_pointer_width = "64")]
    pub pad: u32,
    pub seconds: isize,
    pub microseconds: isize,
    pub timecode: [u32; 4],
    pub sequence: u32,
    pub memory: u32,
    /// Of the union `m`: where to map the memory.
    pub offset: u32,
    #[cfg(target_pointer_width = "64")]
    pub rest_of_m: u32,
    pub length: u32,
    pub reserved2: u32,
    pub request_fd: i32,
    #[cfg(target_pointer_width = "64")]
    pub end: u32,
}

/// `struct v4l2_queryctrl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ControlDescription {
    pub id: u32,
    pub kind: u32,
    pub name: [u8; 32],
    pub minimum: i32,
    pub maximum: i32,
    pub step: i32,
    pub default_value: i32,
    pub flags: u32,
    pub reserved: [u32; 2],
}

/// `struct v4l2_control`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ControlValue {
    pub id: u32,
    pub value: i32,
}

/// `struct v4l2_querymenu`, which the kernel declares as packed.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct MenuItem {
    pub id: u32,
    pub index: u32,
    pub name: [u8; 32],
    pub reserved: u32,
}

/// A call to the driver, with its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `VIDIOC_QUERYCAP` with [`Capability`].
    QueryCapability,
    /// `VIDIOC_ENUM_FMT` with [`FormatDescription`].
    EnumFormat,
    /// `VIDIOC_ENUM_FRAMESIZES` with [`FrameSize`].
    EnumFrameSize,
    /// `VIDIOC_ENUM_FRAMEINTERVALS` with [`FrameInterval`].
    EnumFrameInterval,
    /// `VIDIOC_G_FMT` with [`Format`].
    GetFormat,
    /// `VIDIOC_S_FMT` with [`Format`].
    SetFormat,
    /// `VIDIOC_G_PARM` with [`StreamParameters`].
    GetParameters,
    /// `VIDIOC_S_PARM` with [`StreamParameters`].
    SetParameters,
    /// `VIDIOC_REQBUFS` with [`RequestBuffers`].
    RequestBuffers,
    /// `VIDIOC_QUERYBUF` with [`Buffer`].
    QueryBuffer,
    /// `VIDIOC_QBUF` with [`Buffer`].
    QueueBuffer,
    /// `VIDIOC_DQBUF` with [`Buffer`].
    DequeueBuffer,
    /// `VIDIOC_STREAMON` with an `i32`, the buffer type.
    StreamOn,
    /// `VIDIOC_STREAMOFF` with an `i32`, the buffer type.
    StreamOff,
    /// `VIDIOC_QUERYCTRL` with [`ControlDescription`].
    QueryControl,
    /// `VIDIOC_QUERYMENU` with [`MenuItem`].
    QueryMenu,
    /// `VIDIOC_G_CTRL` with [`ControlValue`].
    GetControl,
    /// `VIDIOC_S_CTRL` with [`ControlValue`].
    SetControl,
}

impl Request {
    /// Its number in the kernel, and the size of its structure in bytes.
    pub fn opcode_and_size(self) -> (Opcode, usize) {
        /// Read and written by the kernel.
        fn both<T>(number: u8) -> (Opcode, usize) {
            (opcode::read_write::<T>(b'V', number), size_of::<T>())
        }
        match self {
            Self::QueryCapability => (opcode::read::<Capability>(b'V', 0), size_of::<Capability>()),
            Self::EnumFormat => both::<FormatDescription>(2),
            Self::GetFormat => both::<Format>(4),
            Self::SetFormat => both::<Format>(5),
            Self::RequestBuffers => both::<RequestBuffers>(8),
            Self::QueryBuffer => both::<Buffer>(9),
            Self::QueueBuffer => both::<Buffer>(15),
            Self::DequeueBuffer => both::<Buffer>(17),
            Self::StreamOn => (opcode::write::<i32>(b'V', 18), size_of::<i32>()),
            Self::StreamOff => (opcode::write::<i32>(b'V', 19), size_of::<i32>()),
            Self::GetParameters => both::<StreamParameters>(21),
            Self::SetParameters => both::<StreamParameters>(22),
            Self::GetControl => both::<ControlValue>(27),
            Self::SetControl => both::<ControlValue>(28),
            Self::QueryControl => both::<ControlDescription>(36),
            Self::QueryMenu => both::<MenuItem>(37),
            Self::EnumFrameSize => both::<FrameSize>(74),
            Self::EnumFrameInterval => both::<FrameInterval>(75),
        }
    }
}

#[cfg(test)]
#[path = "layout_test.rs"]
mod layout_test;
