//! Writes a file from records in order, with a page of each level in memory.

use super::*;
use std::io::{Seek, SeekFrom, Write};

/// The most an element of a page can refer to.
const ITEM_BYTES_MAX: usize = u32::MAX as usize / 2;

/// A file being written. The buckets come in the order of their names, and the records of each in
/// the order of their keys.
pub struct Writer<F> {
    file: F,
    next_page: u64,
    buckets: Tree,
    open: Option<(Vec<u8>, Tree)>,
}

/// A bucket being written: the page of each level that is not full yet, the leaf first.
#[derive(Default)]
struct Tree {
    levels: Vec<Page>,
}

/// The elements of a page.
struct Page {
    flags: u16,
    /// Flags or page, and key and value.
    elements: Vec<(u64, Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Page {
    fn new(flags: u16) -> Self {
        Self {
            flags,
            elements: Vec::new(),
            bytes: PAGE_HEADER_BYTES,
        }
    }

    fn has_room(&self, key: &[u8], value: &[u8]) -> bool {
        let needed = ELEMENT_BYTES + key.len() + value.len();
        self.elements.is_empty() || self.bytes + needed <= PAGE_BYTES
    }

    fn add(&mut self, number: u64, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += ELEMENT_BYTES + key.len() + value.len();
        self.elements.push((number, key, value));
    }

    fn encode(&self, id: u64) -> Vec<u8> {
        let pages = self.bytes.div_ceil(PAGE_BYTES);
        let mut page = header(id, self.flags, self.elements.len(), pages - 1);
        let mut at = PAGE_HEADER_BYTES + ELEMENT_BYTES * self.elements.len();
        for (index, (number, key, value)) in self.elements.iter().enumerate() {
            let offset = (at - PAGE_HEADER_BYTES - ELEMENT_BYTES * index) as u32;
            if self.flags == LEAF {
                page.extend((*number as u32).to_le_bytes());
                page.extend(offset.to_le_bytes());
                page.extend((key.len() as u32).to_le_bytes());
                page.extend((value.len() as u32).to_le_bytes());
            } else {
                page.extend(offset.to_le_bytes());
                page.extend((key.len() as u32).to_le_bytes());
                page.extend(number.to_le_bytes());
            }
            at += key.len() + value.len();
        }
        for (_, key, value) in &self.elements {
            page.extend(key);
            page.extend(value);
        }
        page.resize(pages * PAGE_BYTES, 0);
        page
    }
}

fn header(id: u64, flags: u16, count: usize, overflow: usize) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(flags.to_le_bytes());
    page.extend((count as u16).to_le_bytes());
    page.extend((overflow as u32).to_le_bytes());
    page
}

impl<F: Write + Seek> Writer<F> {
    /// Begins a file at its start.
    pub fn new(mut file: F) -> io::Result<Self> {
        // The meta pages are written when all is known.
        file.write_all(&[0; 2 * PAGE_BYTES])?;
        Ok(Self {
            file,
            next_page: 2,
            buckets: Tree::default(),
            open: None,
        })
    }

    /// Begins the next bucket.
    pub fn bucket(&mut self, name: &str) -> io::Result<()> {
        self.close_bucket()?;
        self.open = Some((name.as_bytes().to_vec(), Tree::default()));
        Ok(())
    }

    /// Adds a record to the bucket that was begun last.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        if key.len() + value.len() > ITEM_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let Some((name, mut tree)) = self.open.take() else {
            return Err(io::Error::other("a record before the first bucket"));
        };
        let put = self.add(&mut tree, 0, LEAF, 0, key, value);
        self.open = Some((name, tree));
        put
    }

    /// Writes what is left, and answers with the file.
    pub fn finish(mut self) -> io::Result<F> {
        self.close_bucket()?;
        let buckets = std::mem::take(&mut self.buckets);
        let root = self.close(buckets)?;
        let pages = self.next_page;
        self.file.seek(SeekFrom::Start(0))?;
        for transaction in 0..2u64 {
            let mut page = header(transaction, META, 0, 0);
            for number in [MAGIC, VERSION, PAGE_BYTES as u32, 0] {
                page.extend(number.to_le_bytes());
            }
            for number in [root, 0, NO_FREE_LIST, pages, transaction] {
                page.extend(number.to_le_bytes());
            }
            page.extend(checksum(&page[PAGE_HEADER_BYTES..]).to_le_bytes());
            page.resize(PAGE_BYTES, 0);
            self.file.write_all(&page)?;
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(self.file)
    }

    fn close_bucket(&mut self) -> io::Result<()> {
        let Some((name, tree)) = self.open.take() else {
            return Ok(());
        };
        let mut bucket = self.close(tree)?.to_le_bytes().to_vec();
        bucket.extend(0u64.to_le_bytes());
        let mut buckets = std::mem::take(&mut self.buckets);
        let added = self.add(&mut buckets, 0, LEAF, u64::from(IS_BUCKET), name, bucket);
        self.buckets = buckets;
        added
    }

    /// Adds an element to a level; a page that is full is written, and named in the level above.
    fn add(
        &mut self,
        tree: &mut Tree,
        level: usize,
        flags: u16,
        number: u64,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> io::Result<()> {
        if tree.levels.len() == level {
            tree.levels.push(Page::new(flags));
        }
        if !tree.levels[level].has_room(&key, &value) {
            let full = std::mem::replace(&mut tree.levels[level], Page::new(flags));
            let (id, first) = self.write(full)?;
            self.add(tree, level + 1, BRANCH, id, first, Vec::new())?;
        }
        tree.levels[level].add(number, key, value);
        Ok(())
    }

    /// Writes the pages that are not full; answers with the root.
    fn close(&mut self, mut tree: Tree) -> io::Result<u64> {
        if tree.levels.is_empty() {
            tree.levels.push(Page::new(LEAF));
        }
        let mut level = 0;
        loop {
            let flags = tree.levels[level].flags;
            let last = std::mem::replace(&mut tree.levels[level], Page::new(flags));
            let (id, first) = self.write(last)?;
            level += 1;
            if level == tree.levels.len() {
                return Ok(id);
            }
            self.add(&mut tree, level, BRANCH, id, first, Vec::new())?;
        }
    }

    /// Writes a page; answers with its number and its first key.
    fn write(&mut self, page: Page) -> io::Result<(u64, Vec<u8>)> {
        let id = self.next_page;
        let bytes = page.encode(id);
        self.file.write_all(&bytes)?;
        self.next_page += (bytes.len() / PAGE_BYTES) as u64;
        let first = page.elements.into_iter().next();
        Ok((id, first.map(|(_, key, _)| key).unwrap_or_default()))
    }
}
