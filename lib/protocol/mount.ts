import { statfs } from 'node:fs/promises'

/** The types of local Linux file systems (`f_type` of statfs(2)). All others may belong to another machine, or to a virtual machine's host. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlayfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x3153464a, // jfs
  0x52654973, // reiserfs
  0x3434, // nilfs
  0x24051905, // ubifs
  0x4d44, // vfat
  0x2011bab0, // exfat
  0x7366746e, // ntfs3
  0x482b // hfsplus
])

/**
 * Whether a directory is on a file system that only this machine writes. Then the system reports every change as a file
 * event, and blocking reads are fast. False as well if this is unknown, as on systems other than Linux.
 */
export async function isLocalMount (dir: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  try {
    return LOCAL_TYPES.has((await statfs(dir)).type >>> 0)
  } catch {
    return false
  }
}
