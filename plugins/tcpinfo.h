/* tcpinfo.h - how far a TCP connection has come. */
#ifndef TT_PLUGINS_TCPINFO_H
#define TT_PLUGINS_TCPINFO_H

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* As the kernel gives it since Linux 4.1; the C library has only its beginning. */
struct tt_tcp_info {
	struct tcp_info beginning;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked;
};
_Static_assert(offsetof(struct tt_tcp_info, bytes_acked) == 120, "tcpi_bytes_acked");

/* Bytes that FD's peer has taken since the connection began; in *UNSENT, how many the
 * kernel still holds for it. */
static inline uint64_t
tt_tcp_acked(int fd, uint64_t *unsent)
{
	struct tt_tcp_info info;
	socklen_t size = sizeof info;
	int n = 0;

	memset(&info, 0, sizeof info);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
	ioctl(fd, SIOCOUTQ, &n);
	*unsent = (uint64_t)n;
	return info.bytes_acked;
}

#endif
