//! Compression, chunk by chunk.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses what an iterator yields; yields whenever something is ready to be sent.
#[derive(Debug)]
pub struct Gzip<I> {
    chunks: I,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I: Iterator<Item = String>> Gzip<I> {
    pub fn new(chunks: I) -> Self {
        Self {
            chunks,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }
}

impl<I: Iterator<Item = String>> Iterator for Gzip<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut encoder = self.encoder.take()?;
        for chunk in self.chunks.by_ref() {
            // Writing to memory cannot fail; if it did, the body would end here, and its checksum be missing.
            encoder.write_all(chunk.as_bytes()).ok()?;
            if !encoder.get_ref().is_empty() {
                let ready = std::mem::take(encoder.get_mut());
                self.encoder = Some(encoder);
                return Some(ready);
            }
        }
        encoder.finish().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let chunks: Vec<String> = (0..50)
            .map(|number| format!("line {number}\n").repeat(4_000))
            .collect();
        let packed: Vec<Vec<u8>> = Gzip::new(chunks.clone().into_iter()).collect();
        assert!(packed.len() > 1, "produced in chunks");
        let mut text = String::new();
        GzDecoder::new(&*packed.concat())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, chunks.concat());
    }
}
