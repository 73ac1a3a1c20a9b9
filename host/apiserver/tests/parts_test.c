/* SPDX-License-Identifier: AGPL-3.0-only */
int main(void);
int main(void)
{
    return 0;
}
