//! Lines of a plain or compressed file, which may have been cut anywhere.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::Damage;

/// An object in etcd has at most 1.5 MiB; as JSON in a line it can be several times longer.
pub(super) const MAX_LINE_BYTES: u64 = 16 << 20;

/// A compressed file may itself end in a few zeros: its length is its last field.
const UNWRITTEN_BYTES_MIN: u64 = 16;

const GZ_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What was found where a line is expected.
pub(super) enum Line<'a> {
    Whole(&'a str),
    /// The file ends before the line does.
    CutShort(&'a [u8]),
    End,
}

pub(super) enum LineError {
    Damaged(Damage),
    Read(io::Error),
}

/// Reads line by line; never holds more than one.
pub(super) struct Lines<R: BufRead> {
    input: Input<R>,
    buffer: Vec<u8>,
    number: u64,
}

enum Input<R: BufRead> {
    Plain(R),
    Compressed(Box<BufReader<MultiGzDecoder<R>>>),
}

impl<R: BufRead> Lines<R> {
    /// Compressed is what begins as gzip does, and what is named so, however short it was cut.
    pub(super) fn new(mut source: R, name: FileName) -> io::Result<Self> {
        let start = source.fill_buf()?;
        let is_compressed = match name {
            FileName::Gz => GZ_MAGIC.starts_with(&start[..start.len().min(2)]),
            FileName::Other => start.starts_with(&GZ_MAGIC),
        };
        let input = if is_compressed && !start.is_empty() {
            Input::Compressed(Box::new(BufReader::new(MultiGzDecoder::new(source))))
        } else {
            Input::Plain(source)
        };
        Ok(Self {
            input,
            buffer: Vec::new(),
            number: 0,
        })
    }

    /// The number of the line last read, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn next_line(&mut self) -> Result<Line<'_>, LineError> {
        self.number += 1;
        self.buffer.clear();
        let read = match &mut self.input {
            Input::Plain(source) => read_line(source, &mut self.buffer),
            Input::Compressed(source) => read_line(source.as_mut(), &mut self.buffer),
        };
        let is_cut = match read {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
            Err(error) if is_damage(&error) => {
                return Err(LineError::Damaged(Damage::Compression));
            }
            Err(error) => return Err(LineError::Read(error)),
        };
        if self.buffer.len() as u64 > MAX_LINE_BYTES {
            return Err(LineError::Damaged(Damage::Length));
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            let text = std::str::from_utf8(&self.buffer);
            return text
                .map(Line::Whole)
                .map_err(|_| LineError::Damaged(Damage::Json));
        }
        if is_cut {
            return Ok(Line::CutShort(&self.buffer));
        }
        unterminated(&self.buffer)
    }
}

/// What a file's name says of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileName {
    Gz,
    Other,
}

/// The last line may lack its newline and still be whole.
fn unterminated(line: &[u8]) -> Result<Line<'_>, LineError> {
    if line.is_empty() {
        return Ok(Line::End);
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => return Ok(Line::CutShort(line)),
        Err(_) => return Err(LineError::Damaged(Damage::Json)),
    };
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(Line::Whole(text)),
        Err(error) if error.is_eof() => Ok(Line::CutShort(line)),
        Err(_) => Err(LineError::Damaged(Damage::Json)),
    }
}

fn read_line<R: BufRead>(source: &mut R, buffer: &mut Vec<u8>) -> io::Result<()> {
    source.take(MAX_LINE_BYTES + 1).read_until(b'\n', buffer)?;
    Ok(())
}

fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
    )
}

/// The length of a file without the zeros that a machine which lost power can leave at its end.
pub(super) fn written_bytes(file: &mut File) -> io::Result<u64> {
    let mut chunk = [0; 64 << 10];
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let chunk = &mut chunk[..usize::try_from(end - start).unwrap_or(usize::MAX)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(chunk)?;
        if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
            end = start + last as u64 + 1;
            break;
        }
        end = start;
    }
    file.rewind()?;
    let is_own = length - end < UNWRITTEN_BYTES_MIN;
    Ok(if is_own { length } else { end })
}

impl<R: BufRead> fmt::Debug for Lines<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lines(after {})", self.number)
    }
}
