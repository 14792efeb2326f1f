# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# One probe for each API change that a shim in this folder bridges, by subject and then by name.
# probe FLAG VERSION TEST... is explained in compat/generate.

# page_pool's types had a header of their own from the day on that made them what they are.
has_page_pool() {
	has_header net/page_pool/types.h && has_line net/page_pool/types.h "$1"
}

# What devlink's core puts into the answer itself has no function for drivers any more.
core_names_driver() {
	! has_line net/devlink.h 'devlink_info_driver_name_put\('
}

# VMBus
probe HAVE_HV_DRIVER_REMOVE_VOID 6.3 has_member linux/hyperv.h hv_driver 'void \(\*remove\)'
probe HAVE_VMBUS_ALLOC_BUFFER 7.3 has_line linux/hyperv.h 'vmbus_alloc_buffer\('

# Timers
probe HAVE_HRTIMER_SETUP 6.13 has_line linux/hrtimer.h '(^|[^_])hrtimer_setup\('

# Network devices
probe HAVE_DEV_SET_MAC_ADDRESS_STORAGE 6.16 has_line linux/netdevice.h 'int dev_set_mac_address\(struct net_device \*dev, struct sockaddr_storage'
probe HAVE_IFF_NO_ADDRCONF 6.2 has_line linux/netdevice.h 'IFF_NO_ADDRCONF'
probe HAVE_NETDEV_LOCK 6.15 has_header net/netdev_lock.h
probe HAVE_NETDEV_STAT_OPS 6.9 has_member linux/netdevice.h net_device 'struct netdev_stat_ops \*stat_ops'
probe HAVE_NETIF_NAPI_ADD_CONFIG 6.13 has_line linux/netdevice.h 'netif_napi_add_config\('
probe HAVE_NETIF_QUEUE_SET_NAPI 6.8 has_line linux/netdevice.h '^void netif_queue_set_napi\('
probe HAVE_PAGE_POOL_QUEUE_IDX 6.12 has_page_pool 'unsigned int queue_idx;'
probe HAVE_PAGE_POOL_TYPES 6.6 has_page_pool 'struct napi_struct \*napi;'
probe HAVE_PAGE_POOL_UNREF 6.8 has_page_pool 'page_pool_put_unrefed_page\('
probe HAVE_SKB_FRAG_FILL_PAGE_DESC 6.5 has_line linux/skbuff.h 'void skb_frag_fill_page_desc\('
probe HAVE_TCX_EGRESS 6.6 has_member linux/netdevice.h net_device 'struct bpf_mprog_entry __rcu \*tcx_egress;'
probe HAVE_TIMER_CONTAINER_OF 6.16 has_line linux/timer.h '# *define timer_container_of\('
probe HAVE_TIMER_DELETE 6.2,6.1.y has_line linux/timer.h 'timer_delete_sync\('

# XDP
probe HAVE_DEV_XDP_PROPAGATE 6.12 has_line linux/netdevice.h 'int dev_xdp_propagate\('
probe HAVE_XDP_FEATURES 6.3 has_member linux/netdevice.h net_device 'xdp_features_t xdp_features;'
probe HAVE_XDP_FRAGS_TRUESIZE 6.18 has_member linux/skbuff.h skb_shared_info 'u32 xdp_frags_truesize;'
probe HAVE_XDP_METADATA 6.3 has_line net/xdp.h '^struct xdp_metadata_ops \{'
probe HAVE_XDP_METADATA_VLAN 6.8 has_line net/xdp.h '\(\*xmo_rx_vlan_tag\)'
probe HAVE_XDP_UPDATE_SKB_FRAGS_INFO 6.18 has_line net/xdp.h '^xdp_update_skb_frags_info\(|void xdp_update_skb_frags_info\('

# ethtool
probe HAVE_ETHTOOL_PUTS 6.8 has_line linux/ethtool.h 'ethtool_puts\('
probe HAVE_ETHTOOL_RSS_USER_SIZE 7.2 has_line linux/ethtool.h 'rss_indir_user_size;'
probe HAVE_ETHTOOL_RXFH_FIELDS 6.17,6.12.y has_member linux/ethtool.h ethtool_ops '\(\*get_rxfh_fields\)'
probe HAVE_ETHTOOL_RXFH_PARAM 6.8 has_line linux/ethtool.h '^struct ethtool_rxfh_param \{'
probe HAVE_ETHTOOL_RX_RING_COUNT 6.19 has_member linux/ethtool.h ethtool_ops '\(\*get_rx_ring_count\)'

# devlink
probe HAVE_DEVLINK_DEFAULT_GRACEFUL_PERIOD 6.18 has_member net/devlink.h devlink_health_reporter_ops 'u64 default_graceful_period;'
probe HAVE_DEVLINK_INFO_DRIVER_NAME 6.2 core_names_driver

# dma-bufs, files, sysfs
probe HAVE_BIN_ATTRIBUTE_READ_CONST 6.16 has_member linux/sysfs.h bin_attribute '\(\*read\)\(struct file \*, ?struct kobject \*, ?const struct bin_attribute'
probe HAVE_DMA_BUF_INVALIDATE_MAPPINGS 7.0 has_line linux/dma-buf.h 'dma_buf_invalidate_mappings\('
probe HAVE_SYMBOL_NS_STRING 6.13 has_line linux/module.h '# *define MODULE_IMPORT_NS\(ns\)[[:space:]]*MODULE_INFO\(import_ns, ns\)'
probe HAVE_VM_FLAGS_SET 6.3 has_line linux/mm.h 'void vm_flags_set\('
probe HAVE_VMF_INSERT_PFN_PMD_LONG 6.17 has_line linux/huge_mm.h 'vmf_insert_pfn_pmd\(struct vm_fault \*vmf, unsigned long pfn'
