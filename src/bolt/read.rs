//! Reads a file that may be anything: every offset is checked, and every walk is bounded.

use super::*;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Branches above each other; a file of that many levels has more records than bytes.
const DEPTH_MAX: usize = 32;
/// The largest run of pages that is read as one: above the largest request of any etcd.
const RUN_BYTES_MAX: usize = 1 << 30;
/// Sizes of pages that systems have.
const PAGE_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024..=65536;

type Result<T> = std::result::Result<T, BoltError>;

fn damaged<T>(what: &'static str) -> Result<T> {
    Err(BoltError::Damaged(what))
}

/// A file, open for reading.
pub struct Database {
    file: File,
    page_bytes: usize,
    pages: u64,
    root: u64,
}

/// A bucket of a file.
pub struct Bucket<'a> {
    database: &'a Database,
    /// The page it lies in, when it has no root of its own.
    inline: Option<Vec<u8>>,
    root: u64,
}

/// A page with all its elements.
struct Page {
    bytes: Vec<u8>,
    flags: u16,
    count: usize,
}

impl Database {
    /// Reads the meta pages of a file, of which `bytes` count.
    pub fn open(file: File, bytes: u64) -> Result<Self> {
        // The second meta page stands where the size of pages in the first one says, or, should
        // that be damaged, at one of the few sizes that there are.
        let mut found: Option<(u64, Self)> = None;
        let sizes = (10..=16).map(|shift| 1u64 << shift);
        for at in std::iter::once(0).chain(sizes) {
            let mut page = [0; PAGE_HEADER_BYTES + META_BYTES];
            if file.read_exact_at(&mut page, at).is_err() {
                continue;
            }
            let Some((transaction, page_bytes, root, pages)) = meta(&page[PAGE_HEADER_BYTES..])
            else {
                continue;
            };
            if found
                .as_ref()
                .is_none_or(|(newest, _)| transaction > *newest)
            {
                let database = Self {
                    file: file.try_clone()?,
                    page_bytes,
                    pages,
                    root,
                };
                found = Some((transaction, database));
            }
        }
        let Some((_, database)) = found else {
            return damaged("neither of its meta pages is whole");
        };
        if database.pages.saturating_mul(database.page_bytes as u64) > bytes {
            return damaged("it ends too early");
        }
        Ok(database)
    }

    /// A bucket at the top; `None`: there is none of that name.
    pub fn bucket(&self, name: &str) -> Result<Option<Bucket<'_>>> {
        let mut found = None;
        self.top().walk(|key, value, is_bucket| {
            if is_bucket && key == name.as_bytes() {
                found = Some(value.to_vec());
            }
            Ok::<_, BoltError>(())
        })?;
        let Some(value) = found else {
            return Ok(None);
        };
        let (Some(root), true) = (u64_at(&value, 0), value.len() >= 16) else {
            return damaged("a bucket is cut short");
        };
        Ok(Some(Bucket {
            database: self,
            inline: (root == 0).then(|| value[16..].to_vec()),
            root,
        }))
    }

    /// The names of the buckets at the top.
    pub fn buckets(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.top()
            .walk(|key, _, is_bucket| match std::str::from_utf8(key) {
                Ok(name) if is_bucket => {
                    names.push(name.to_owned());
                    Ok(())
                }
                _ => damaged("a bucket has no name"),
            })?;
        Ok(names)
    }

    fn top(&self) -> Bucket<'_> {
        Bucket {
            database: self,
            inline: None,
            root: self.root,
        }
    }

    fn page(&self, id: u64) -> Result<Page> {
        if id < 2 || id >= self.pages {
            return damaged("a page that it names is not there");
        }
        let at = id * self.page_bytes as u64;
        let mut header = [0; PAGE_HEADER_BYTES];
        self.file.read_exact_at(&mut header, at)?;
        let overflow = u32_at(&header, 12).unwrap_or_default();
        let run = (u64::from(overflow) + 1).saturating_mul(self.page_bytes as u64);
        if id + u64::from(overflow) >= self.pages || run > RUN_BYTES_MAX as u64 {
            return damaged("a page is larger than it can be");
        }
        let mut bytes = vec![0; run as usize];
        self.file.read_exact_at(&mut bytes, at)?;
        if u64_at(&bytes, 0) != Some(id) {
            return damaged("a page is not where it belongs");
        }
        Page::new(bytes)
    }
}

/// Transaction, size of pages, root and number of pages of a meta page that is whole.
fn meta(bytes: &[u8]) -> Option<(u64, usize, u64, u64)> {
    let page_bytes = u32_at(bytes, 8)? as usize;
    let is_whole = u32_at(bytes, 0)? == MAGIC
        && u32_at(bytes, 4)? == VERSION
        && PAGE_BYTES_RANGE.contains(&page_bytes)
        && page_bytes.is_power_of_two()
        && u64_at(bytes, META_BYTES - 8)? == checksum(bytes.get(..META_BYTES - 8)?);
    is_whole.then_some((
        u64_at(bytes, 48)?,
        page_bytes,
        u64_at(bytes, 16)?,
        u64_at(bytes, 40)?,
    ))
}

impl Page {
    fn new(bytes: Vec<u8>) -> Result<Self> {
        let (Some(flags), Some(count)) = (u16_at(&bytes, 8), u16_at(&bytes, 10)) else {
            return damaged("a page is cut short");
        };
        let count = usize::from(count);
        if PAGE_HEADER_BYTES + count * ELEMENT_BYTES > bytes.len() {
            return damaged("a page has more elements than room");
        }
        Ok(Self {
            bytes,
            flags,
            count,
        })
    }

    fn slice(&self, element: usize, offset: usize, length: usize) -> Option<&[u8]> {
        let start = element.checked_add(offset)?;
        self.bytes.get(start..start.checked_add(length)?)
    }

    /// Flags, key and value of an element of a leaf.
    fn record(&self, index: usize) -> Option<(u32, &[u8], &[u8])> {
        let at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
        let number = |place| Some(u32_at(&self.bytes, at + place)? as usize);
        let (offset, key, value) = (number(4)?, number(8)?, number(12)?);
        Some((
            u32_at(&self.bytes, at)?,
            self.slice(at, offset, key)?,
            self.slice(at, offset.checked_add(key)?, value)?,
        ))
    }

    /// The page that an element of a branch names.
    fn child(&self, index: usize) -> Option<u64> {
        u64_at(&self.bytes, PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 8)
    }
}

impl Bucket<'_> {
    /// Visits all records in order, and those that are buckets, too. Keys that are not in order
    /// are an error.
    pub fn walk<E: From<BoltError>>(
        &self,
        mut visit: impl FnMut(&[u8], &[u8], bool) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut last: Option<Vec<u8>> = None;
        // Pages on the way down, and the next element of each.
        let mut path = vec![(self.root()?, 0)];
        // A file whose pages name each other in circles has more visits than pages.
        let mut visits_left = self.database.pages;
        while let Some((page, next)) = path.last_mut() {
            if *next == page.count {
                path.pop();
                continue;
            }
            let index = *next;
            *next += 1;
            if page.flags & LEAF != 0 {
                let Some((flags, key, value)) = page.record(index) else {
                    return Err(BoltError::Damaged("a record lies outside of its page").into());
                };
                if last.as_deref().is_some_and(|last| last >= key) {
                    return Err(BoltError::Damaged("its keys are not in order").into());
                }
                last.get_or_insert_default().clear();
                last.get_or_insert_default().extend_from_slice(key);
                visit(key, value, flags & IS_BUCKET != 0)?;
                continue;
            }
            let child = page.child(index).unwrap_or_default();
            if path.len() == DEPTH_MAX || visits_left == 0 {
                return Err(BoltError::Damaged("its pages name each other in a circle").into());
            }
            visits_left -= 1;
            path.push((self.checked(self.database.page(child)?)?, 0));
        }
        Ok(())
    }

    fn root(&self) -> Result<Page> {
        self.checked(match &self.inline {
            Some(bytes) => Page::new(bytes.clone())?,
            None => self.database.page(self.root)?,
        })
    }

    fn checked(&self, page: Page) -> Result<Page> {
        match page.flags & (BRANCH | LEAF) {
            BRANCH | LEAF => Ok(page),
            _ => damaged("a page is of another kind than its place"),
        }
    }
}
